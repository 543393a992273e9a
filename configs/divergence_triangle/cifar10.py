"""The divergence triangle (arXiv 1812.10907) on CIFAR-10, 32 x 32: networks, weights and rates of the official code.

    python -m ebmjax.data.prepare cifar10
    python -m experiments.divergence_triangle --config=configs/divergence_triangle/cifar10.py

1,500 epochs of 500 steps. The objective itself instead of the code's weights:
--config.model.kl_weight=1.0 --config.model.latent_weight=1.0 --config.model.noisy_samples=True.
"""

from configs.common import variant_of
from configs.divergence_triangle.common import official, smoke_images, triangle


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = triangle("cifar10")
    official(config)
    config.train.num_steps = 1500 * 500
    config.evaluate.long_run_steps = 1000
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:32x32x3"))
