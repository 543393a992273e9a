"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on 8 x 8 digits, each training image with a
block of 4 x 4 pixels missing.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_block.py

The block's place differs between images and stays the same over the training; otherwise as digits_missing.py.
Expected (seed 0): missing_mse .257, the VAE .239, 5 nearest neighbours .206, means .411.
Cost: three and a half minutes of a CPU core, without the VAE's training.
"""

from configs.common import variant_of
from configs.divergence_triangle import digits
from configs.divergence_triangle.common import smoke


def get_config(variant=""):
    config = digits.get_config()
    config.model.latent_weight = 0.02
    config.missing.name = "block"
    return variant_of(config, variant, smoke)
