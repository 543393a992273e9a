"""VERA as JEM (arXiv 2010.04230) on SVHN with all labels: the settings of CIFAR-10.

    python -m experiments.vera --config=configs/vera/svhn.py

Days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.cifar10 import images
from configs.vera.common import smoke_images


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = images("svhn_cropped")
    config.evaluate.foreign = ("cifar10", "uniform", "between")
    return variant_of(config, variant, _smoke)


def _smoke(config):
    smoke_images(config, "fake:32x32x3")
