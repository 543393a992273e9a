"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on eight Gaussians in the plane.

    python -m experiments.unsupervised_vera
    python -m experiments.unsupervised_vera --config.data.name=pinwheel

The default of the experiment. Published: nets, batch, rates, λ = 1, γ = 0; the length is ours.
Expected: none published.
Cost: two minutes of a CPU core.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import smoke, toy


def get_config(variant=""):
    return variant_of(toy("8gaussians"), variant, smoke)
