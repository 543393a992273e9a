"""Convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on CIFAR-10.

    python -m experiments.anatomy --config=configs/anatomy/cifar10_convergent.py

The official code publishes this recipe for flowers at 32 x 32: non-local net, 500 steps with ε = .0075 from a bank of
one chain per image, SGD from .1 (or .05) to 5e-4, data noise .015, 200,000 iterations; CIFAR-10 is our own use of it.
Expected: none published, not measured here.
Cost: 100 million chain steps, each for 100 images: a GPU and patience; not run at full length.
"""

from configs.anatomy.common import anatomy, initial, optimizer, sampler, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = anatomy("cifar10")
    config.model.energy.name = "nonlocal"
    config.model.data_noise = 0.015
    config.sampler = sampler(500, 0.0075)
    config.initial = initial("bank")
    config.optimizer.energy = optimizer("sgd", 0.1, schedule="geometric", final_fraction=0.005)
    config.train.num_steps = 200_000
    return variant_of(config, variant, smoke_images)
