"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on 8 x 8 digits, each training image without
half of its pixels.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_missing.py

The paper's learning from incomplete data; the share of 50 % and the filling are our own. As digits.py, but for the
weight of -log q(z | x) at generated images, which have no gaps: at 1 the encoder trusts filled-in pixels too much. Seed
0 with one filling instead of the mean of draws: missing_mse .22 at 1, .16 at .1, .15 at .02; the VAE .14.
Expected (seed 0): missing_mse .147, the VAE .138, 5 nearest neighbours .163, means .293.
Cost: three and a half minutes of a CPU core, without the VAE's training.
"""

from configs.common import variant_of
from configs.divergence_triangle import digits
from configs.divergence_triangle.common import smoke


def get_config(variant=""):
    config = digits.get_config()
    config.model.latent_weight = 0.02
    config.missing.name = "pixels"
    return variant_of(config, variant, smoke)
