"""Flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589) on 8 x 8 digits: an affine flow and a small ConvNet.

    python -m experiments.flow_contrastive --config=configs/flow_contrastive/digits.py

Our own settings, the first that were tried.
Expected: none published for these images, no kept run here.
Cost: two minutes on a CPU.
"""

from configs.common import each, variant_of
from configs.flow_contrastive.common import flow_contrastive, smoke


def get_config(variant=""):
    config = flow_contrastive("digits")
    config.flow.model.flow = {"name": "affine_coupling", "num_layers": 4, "width": 64, "max_log_scale": 2.0}
    config.flow.optimizer.flow.clip_norm = 10.0
    each((config.train, config.flow.train), batch_size=128, steps_per_dispatch=50, log_every=50)
    config.model.energy.name = "conv"
    config.model.energy.width = 16
    config.train.num_steps = 3000
    config.optimizer.flow.learning_rate = 1e-4
    config.optimizer.flow.clip_norm = 10.0
    return variant_of(config, variant, smoke)
