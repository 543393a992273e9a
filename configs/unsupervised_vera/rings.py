"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on four rings in the plane.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/rings.py

Settings of the eight Gaussians.
Expected: none published; not measured here.
Cost: two minutes of a CPU core.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import calm_toy, smoke


def get_config(variant=""):
    return variant_of(calm_toy("rings"), variant, smoke)
