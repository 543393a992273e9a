"""The divergence triangle (arXiv 1812.10907) on SVHN, 32 x 32, as the official code's CIFAR-10.

    python -m ebmjax.data.prepare svhn_cropped
    python -m experiments.divergence_triangle --config=configs/divergence_triangle/svhn.py

200 epochs of 732 steps.
"""

from configs.common import variant_of
from configs.divergence_triangle.common import official, smoke_images, triangle


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = triangle("svhn_cropped")
    official(config)
    config.train.num_steps = 200 * 732
    config.evaluate.long_run_steps = 1000
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:32x32x3"))
