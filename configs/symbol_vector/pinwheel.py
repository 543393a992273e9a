"""Symbol-vector coupling on the pinwheel, smaller than the toy of Pang & Wu 2021 (arXiv 2108.11556).

    python -m experiments.symbol_vector --config=configs/symbol_vector/pinwheel.py

TODO
Expected: TODO
Cost: TODO
"""

from configs.common import variant_of
from configs.symbol_vector.common import shorter, smoke
from configs.symbol_vector.pinwheel_released import get_config as released


def get_config(variant=""):
    config = released()
    shorter(config)
    return variant_of(config, variant, smoke)
