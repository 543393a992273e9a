"""Symbol-vector coupling on eight Gaussians, as the released toy of Pang & Wu 2021 (arXiv 2108.11556).

    python -m experiments.symbol_vector --config=configs/symbol_vector/eight_gaussians_released.py

TODO
Expected: TODO
Cost: TODO
"""

from configs.common import variant_of
from configs.symbol_vector.common import plane, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("8gaussians_x4")
    plane(config, (200,))
    config.model.num_symbols = 8
    config.train.update(num_steps=25_000, checkpoint_every=25_000)
    return variant_of(config, variant, smoke)
