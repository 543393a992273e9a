"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on 8 x 8 digits with the weights of the official
code.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_official.py

Weights 1 for the squared error and .1 for -log q(z | x), the KL's mean over the latent's entries, generated images
without noise. The VAE has the same weight of the KL.
Expected: none published, not measured here.
Cost: not measured; as digits.py.
"""

from configs.common import variant_of
from configs.divergence_triangle import digits
from configs.divergence_triangle.common import official_weights, smoke


def get_config(variant=""):
    config = digits.get_config()
    official_weights(config)
    return variant_of(config, variant, smoke)
