"""JEM by chains from a pool (Grathwohl et al. 2020, arXiv 1912.03263) on CIFAR-100 with all labels: as on CIFAR-10.

    python -m experiments.vera --config=configs/vera/jem_cifar100.py

Expected (paper): 72.2 %. Not in our tables, as in jem_cifar10.py; not measured here.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.common import smoke_images
from configs.vera.jem_cifar10 import jem_images


def get_config(variant=""):
    config = jem_images("cifar100", 703)
    config.evaluate.foreign = ("cifar10", "uniform", "between")
    return variant_of(config, variant, smoke_images)
