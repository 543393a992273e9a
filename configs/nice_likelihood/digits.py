"""NICE on the 8 x 8 digits embedded in scikit-learn, learned in three ways (arXiv 2010.04230, section 5.1).

python -m experiments.nice_likelihood
"""

from configs.common import variant_of
from configs.nice_likelihood.common import nice_likelihood, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = nice_likelihood("digits")
    config.train.num_steps = 2000
    config.train.steps_per_dispatch = 50
    config.train.log_every = 50
    config.train.checkpoint_every = 500
    config.train.batch_size = 128
    config.model.flow.widths = (128, 128)
    config.model.latent_dim = 32
    config.model.generator.widths = (128, 128)
    config.model.generator.activation = "leaky_relu"
    return variant_of(config, variant, smoke)
