"""Glow (Kingma & Dhariwal 2018, arXiv 1807.03039) on MNIST, 28 x 28, in half an hour of one CPU core.

    python -m ebmjax.data.prepare mnist && python -m experiments.flow --config=configs/flow/mnist.py

The paper has no MNIST. Two levels, for 28 / 2 / 2 is odd. Ours, small enough for a CPU: an eighth of the depth and a
sixteenth of the width of CIFAR-10's Glow, a rate seven times as high, a warm-up, nothing recomputed. For a GPU:
--config.model.flow.num_steps=16 --config.model.flow.width=128 --config.train.batch_size=128 and more steps, untried.
"""

from configs.common import variant_of
from configs.flow.common import images, smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = images("mnist")
    config.model.flow.num_levels = 2
    config.model.flow.num_steps = 4
    config.model.flow.width = 32
    config.model.flow.remat = False
    config.optimizer.flow.learning_rate = 2e-3
    config.optimizer.flow.warmup_steps = 200
    config.train.num_steps = 18_000
    config.train.batch_size = 32
    config.train.steps_per_dispatch = 20
    config.evaluate.batch_size = 250
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:28x28x1"))
