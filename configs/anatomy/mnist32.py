"""Convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on MNIST, resized to 32 x 32: as published.

    python -m ebmjax.data.prepare mnist@32 && python -m experiments.anatomy --config=configs/anatomy/mnist32.py

The settings of the official code: non-local net, 500 steps with ε = .0075 from a bank of one chain per image, SGD with
1e-2, data noise .015 (without it the constant background makes d_s fall without bound).
Expected: none published, not measured here.
Cost: 100,000 steps of 500 gradients for 100 images, a GPU's work; not run at full length.
"""

from configs.anatomy.common import convergent, optimizer, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = convergent("mnist@32", optimizer("sgd", 0.01))
    return variant_of(config, variant, smoke_images)
