"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on the 8 x 8 digits embedded in scikit-learn.

    python -m experiments.divergence_triangle

The default of the experiment: the objective with all weights 1, but for g(z) in the place of samples with noise, which
the energy would know from the data by their noise alone. Networks, σ, rates and length are our own, chosen on seed 0.
"""

from configs import encoders
from configs.common import variant_of
from configs.divergence_triangle.common import smoke, triangle


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = triangle("digits")
    encoders.small(config)
    config.model.sigma = 0.3
    config.model.noisy_samples = False
    config.model.energy.activation = "gelu"
    config.optimizer.energy.learning_rate = 3e-4
    config.train.num_steps = 2000
    return variant_of(config, variant, smoke)
