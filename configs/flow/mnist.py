"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on MNIST, 28 x 28.

    python -m ebmjax.data.prepare mnist && python -m experiments.flow --config=configs/flow/mnist.py

The paper has no MNIST. Two levels, for 28 / 2 / 2 is odd. Half the depth and a quarter of the width of CIFAR-10's Glow,
for a GPU: our own, and untried.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = images("mnist")
    config.model.flow.num_levels = 2
    config.model.flow.num_steps = 16
    config.model.flow.width = 128
    config.train.num_steps = 50_000
    config.train.batch_size = 128
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:28x28x1"))
