"""Flow-backbone EBM (Nijkamp et al. 2022, arXiv 2006.06897) on eight Gaussians in the plane: a small flow, tilted.

python -m experiments.flow_backbone
"""

from configs.common import variant_of
from configs.flow_backbone.common import flow_backbone, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = flow_backbone("8gaussians")
    config.flow.model.flow.num_layers = 3
    config.flow.model.flow.width = 16
    for train in (config.train, config.flow.train):
        train.batch_size = 256
        train.steps_per_dispatch = 50
        train.log_every = 50
    config.train.num_steps = 3000
    config.train.ema_decay = 0.99
    config.optimizer.energy.learning_rate = 2e-3
    return variant_of(config, variant, smoke)
