"""VERA as JEM (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on CIFAR-100 with all labels: the settings of CIFAR-10.

    python -m experiments.vera --config=configs/vera/cifar100.py

The authors' command is the same for both sets; the dropout of .4 is that with which their eval.py loads the CIFAR-100
model.
Expected (paper): 72.2 % of VERA and of JEM, quoted from memory. Not in our tables, as in cifar10.py; not measured here.
Cost: days of a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.cifar10 import images
from configs.vera.common import smoke_images


def get_config(variant=""):
    config = images("cifar100", 1250)
    config.model.energy.dropout = 0.4
    config.evaluate.foreign = ("cifar10", "uniform", "between")
    return variant_of(config, variant, smoke_images)
