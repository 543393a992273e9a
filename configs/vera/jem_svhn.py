"""JEM by chains from a pool (Grathwohl et al. 2020, arXiv 1912.03263) on SVHN with all labels: as on CIFAR-10.

    python -m experiments.vera --config=configs/vera/jem_svhn.py

As in the authors' code digits are cropped, not mirrored; 200 epochs of 1,066 iterations on 68,257 images.
Expected (paper): 96.7 %. Not in our tables, as in jem_cifar10.py; not measured here.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.common import smoke_images
from configs.vera.jem_cifar10 import jem_images


def get_config(variant=""):
    config = jem_images("svhn_cropped", 1066)
    config.data.augment = "crop"
    config.evaluate.foreign = ("cifar10", "uniform", "between")
    return variant_of(config, variant, smoke_images)
