"""Symbol-vector coupling on the pinwheel, as in the released toy of Pang & Wu 2021 (arXiv 2108.11556).

    python -m experiments.symbol_vector --config=configs/symbol_vector/pinwheel_released.py

As eight_gaussians_released.py, which says how it differs, but for 5 symbols, a generator of three hidden layers of 200
units, an encoder of two (and a linear one there), and 12,000 iterations. Five blades, four times as large as usual.
Expected: no figure published; not run at this length. pinwheel.py is shorter.
Cost: 12,000 iterations; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import plane, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("pinwheel_x4")
    plane(config, (200, 200, 200))
    config.model.num_symbols = 5
    config.model.encoder.widths = (200, 200)
    config.train.update(num_steps=12_000, checkpoint_every=12_000)
    return variant_of(config, variant, smoke)
