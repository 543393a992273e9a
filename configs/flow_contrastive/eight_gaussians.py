"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on eight Gaussians of radius 2√2 and variance 1/8.

python -m experiments.flow_contrastive
"""

from configs.common import variant_of
from configs.flow_contrastive.common import smoke, toy


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    return variant_of(toy("8gaussians"), variant, smoke)
