"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on stacks of three 8 x 8 digits: how many of the
1,000 modes the samples cover. A small StackedMNIST.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/stacked_digits.py

Settings of configs/unsupervised_vera/digits.py; 10,000 samples, as published for StackedMNIST.
Expected: none published for these images. Here (seeds 0, 1, 2) 967 to 990 modes, KL .23 to .34 nats (real stacks .12).
Cost: minutes of a CPU core.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import digits, smoke


def get_config(variant=""):
    return variant_of(digits("stacked:digits"), variant, smoke)
