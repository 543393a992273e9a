"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on eight Gaussians in the plane.

    python -m experiments.unsupervised_vera
    python -m experiments.unsupervised_vera --config.data.name=pinwheel

The default of the experiment. Published: nets, batch, λ = 1. Ours: the length, rates that fall to 0, 3e-4 for the
energy and a gradient penalty of .1, the best of five settings on seed 0 (eight_gaussians_official.py has the published
ones).
Expected: none published. Here (seeds 0, 1, 2) KL(true || model) .45 to .58 nats, by HMC .21 to .23, without the entropy
1.76; log Z .39 to .52 above the bound.
Cost: four minutes of a shared CPU core, for three arms.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import calm_toy, smoke


def get_config(variant=""):
    return variant_of(calm_toy("8gaussians"), variant, smoke)
