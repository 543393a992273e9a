"""VERA as JEM (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on SVHN with all labels: the settings of CIFAR-10.

    python -m experiments.vera --config=configs/vera/svhn.py

As in the authors' code digits are cropped, not mirrored; 200 epochs are 1,831 iterations each.
Expected: none published that is known to us, not measured here.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.cifar10 import images
from configs.vera.common import smoke_images


def get_config(variant=""):
    config = images("svhn_cropped", 1831)
    config.data.augment = "crop"
    config.evaluate.foreign = ("cifar10", "uniform", "between")
    return variant_of(config, variant, smoke_images)
