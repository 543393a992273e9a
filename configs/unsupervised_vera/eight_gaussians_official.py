"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on eight Gaussians in the plane,
by the published settings.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/eight_gaussians_official.py

Published: nets, batch, rates, λ = 1, γ = 0, all as the official program's defaults; the length is ours.
Expected: none published; not measured here.
Cost: minutes of a CPU core, for three arms.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import smoke, toy


def get_config(variant=""):
    return variant_of(toy("8gaussians"), variant, smoke)
