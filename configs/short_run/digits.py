"""Short-run MCMC (Nijkamp et al. 2019, arXiv 1904.09770) on the 8 x 8 digits embedded in scikit-learn.

python -m experiments.short_run
"""

from configs.common import variant_of
from configs.short_run.common import short_run, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = short_run("digits")
    config.model.energy.name = "mlp"
    config.model.energy.activation = "silu"
    config.sampler.chain.num_steps = 40
    config.optimizer.energy.learning_rate = 5e-3
    config.optimizer.energy.schedule = "cosine"
    config.train.num_steps = 4000
    config.train.steps_per_dispatch = 50
    config.train.checkpoint_every = 1000
    config.train.log_every = 50
    config.train.batch_size = 128
    config.train.ema_decay = 0.995
    return variant_of(config, variant, smoke)
