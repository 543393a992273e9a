"""The divergence triangle (Han, Nijkamp et al. 2019, arXiv 1812.10907) on 8 x 8 digits with the weights of the official
code.

    python -m experiments.divergence_triangle --config=configs/divergence_triangle/digits_official.py

Squared error and -log q(z | x) weighed 1 and .1, of the KL the mean over the latent's entries, generated images without
noise. The VAE beside it has that weight of the KL too.
Expected: none published, not measured here.
Cost: not measured; that of digits.py.
"""

from configs.common import variant_of
from configs.divergence_triangle import digits
from configs.divergence_triangle.common import official_weights, smoke


def get_config(variant=""):
    config = digits.get_config()
    official_weights(config)
    return variant_of(config, variant, smoke)
