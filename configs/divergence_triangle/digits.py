"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.divergence_triangle

The default of the experiment.
"""

from configs import encoders
from configs.common import variant_of
from configs.divergence_triangle.common import smoke, triangle


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = triangle("digits")
    encoders.small(config)
    config.train.num_steps = 2000
    return variant_of(config, variant, smoke)
