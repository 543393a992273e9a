"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on the 8 x 8 digits.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/digits.py

Settings of configs/vera/digits.py, which has labels, but a ConvNet as the energy.
Expected: none published; not measured here.
Cost: minutes of a CPU core.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import digits, smoke


def get_config(variant=""):
    return variant_of(digits("digits"), variant, smoke)
