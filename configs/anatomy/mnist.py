"""Persistent chains with Adam (the "oscillating" recipe of arXiv 1903.12370) on MNIST, 28 x 28, for a CPU.

    python -m ebmjax.data.prepare mnist && python -m experiments.anatomy --config=configs/anatomy/mnist.py

Published (for CIFAR-10): ε = .01, data noise .03, a bank of one chain per image, Adam with 1e-4. Our own, for minutes
of CPU: an MLP in the place of the convolutions, 50 steps a chain instead of 500, 3,000 iterations instead of 100,000.
"""

from configs.anatomy.common import anatomy, initial, sampler, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = anatomy("mnist")
    config.model.energy.name = "mlp"
    config.model.energy.widths = (512, 512)
    config.model.energy.activation = "silu"
    config.sampler = sampler(50, 0.01)
    config.initial = initial("bank")
    config.train.num_steps = 3000
    config.train.steps_per_dispatch = 10
    config.evaluate.continued_steps = 500
    config.evaluate.long_run_steps = 10_000
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:28x28x1"))
