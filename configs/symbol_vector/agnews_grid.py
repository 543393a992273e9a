"""Symbol-vector coupling on AGNews (Pang & Wu 2021, arXiv 2108.11556), with the settings of the grid that the released
script has but never calls.

    python -m experiments.symbol_vector --config=configs/symbol_vector/agnews_grid.py --config.data.name=lines:FILE

As agnews.py, which says the rest, but for 60 steps of the chain and an energy of width 100 with rate 2e-5.
Expected (paper): as in agnews.py. Which of the two made the table is not known; not measured here.
Cost: 120,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.agnews import get_config as agnews
from configs.symbol_vector.common import smoke


def get_config(variant=""):
    config = agnews()
    config.model.energy.widths = (100, 100)
    config.optimizer.energy.learning_rate = 2e-5
    config.sampler.prior.num_steps = 60
    return variant_of(config, variant, smoke)
