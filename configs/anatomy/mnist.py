"""Persistent chains with Adam (the "oscillating" recipe of Nijkamp et al. 2020, arXiv 1903.12370) on MNIST, 28 x 28,
for a CPU.

    python -m ebmjax.data.prepare mnist && python -m experiments.anatomy --config=configs/anatomy/mnist.py

Published (for CIFAR-10): ε = .01, data noise .03, a bank of one chain per image, Adam with 1e-4. Our own, for minutes
of CPU: an MLP instead of the convolutions, 50 steps a chain instead of 500, 3,000 iterations instead of 100,000.
Expected: no figure is published. A run of 3,550 iterations, seed 0, did not converge: mean_d_s -52, long chains
saturate (.88).
Cost: two and a half hours of a CPU core for these.
"""

from configs.anatomy.common import anatomy, initial, sampler, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = anatomy("mnist")
    config.model.energy.update(name="mlp", widths=(512, 512), activation="silu")
    config.sampler = sampler(50, 0.01)
    config.initial = initial("bank")
    config.train.update(num_steps=3000, steps_per_dispatch=10)
    config.evaluate.continued_steps = 500
    config.evaluate.long_run_steps = 10_000
    return variant_of(config, variant, smoke_images)
