"""Alternating back-propagation (Han et al. 2017, arXiv 1606.08571) on 8 x 8 digits, each training image with a
block of 4 x 4 pixels missing.

    python -m experiments.abp --config=configs/abp/digits_block.py

The block's place differs between images and stays the same over the training; otherwise as digits_missing.py.
Expected: not measured yet.
Cost: minutes of a CPU core.
"""

from configs.abp import digits
from configs.abp.common import smoke
from configs.common import variant_of


def get_config(variant=""):
    config = digits.get_config()
    config.missing.name = "block"
    config.model.sigma = 0.3
    config.train.num_steps = 1500
    config.evaluate.inpainting_samples = 10
    return variant_of(config, variant, smoke)
