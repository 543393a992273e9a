"""The divergence triangle (arXiv 1812.10907) on 8 x 8 digits of which every training image lacks half of its pixels.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_missing.py

The paper's learning from incomplete data; the share of 50 % and the filling are our own.
"""

from configs.common import variant_of
from configs.divergence_triangle import digits
from configs.divergence_triangle.common import smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = digits.get_config()
    config.missing.name = "pixels"
    return variant_of(config, variant, smoke)
