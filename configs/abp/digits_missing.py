"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on 8 x 8 digits, each training image without
half of its pixels.

    python -m experiments.abp --config=configs/abp/digits_missing.py

The paper's learning from incomplete data, in small; the share of 50 % and all settings are ours: those of
digits.py, but sigma .3 (seed 0, 3,000 iterations: missing_mse .110, .132 at sigma .1) and half of the iterations.
Expected: not measured yet.
Cost: minutes of a CPU core.
"""

from configs.abp import digits
from configs.abp.common import smoke
from configs.common import variant_of


def get_config(variant=""):
    config = digits.get_config()
    config.missing.name = "pixels"
    config.model.sigma = 0.3
    config.train.num_steps = 1500
    config.evaluate.inpainting_samples = 10
    return variant_of(config, variant, smoke)
