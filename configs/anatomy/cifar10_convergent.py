"""Convergent learning (Nijkamp et al. 2020, arXiv 1903.12370) on CIFAR-10.

    python -m experiments.anatomy --config=configs/anatomy/cifar10_convergent.py

The official code publishes this recipe for flowers at 32 x 32: non-local net, 500 steps with ε = .0075 from a bank of
one chain per image, SGD from .1 (or .05) to 5e-4, data noise .015, 200,000 iterations; CIFAR-10 is our own use of it.
Expected: none published, not measured here.
Cost: 100 million chain steps, each for 100 images: a GPU and patience; not run at full length.
"""

from configs.anatomy.common import annealed_sgd, convergent, smoke_images
from configs.common import variant_of


def get_config(variant=""):
    config = convergent("cifar10", annealed_sgd())
    config.train.num_steps = 200_000
    return variant_of(config, variant, smoke_images)
