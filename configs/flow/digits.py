"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on the 8 x 8 digits embedded in scikit-learn.

python -m experiments.flow --config=configs/flow/digits.py
"""

from configs.common import variant_of
from configs.flow.common import images, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = images("digits")
    config.model.flow.num_levels = 2
    config.model.flow.num_steps = 8
    config.model.flow.width = 32
    config.optimizer.flow.learning_rate = 1e-3
    config.train.ema_decay = 0.0  # an average over 1,000 steps would still remember the start
    config.train.num_steps = 1000
    config.train.steps_per_dispatch = 50
    config.train.checkpoint_every = 500
    config.train.log_every = 50
    config.train.batch_size = 128
    return variant_of(config, variant, smoke)
