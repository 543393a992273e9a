"""Symbol-vector coupling on eight Gaussians, the toy of Pang & Wu 2021 (arXiv 2108.11556) in minutes.

    python -m experiments.symbol_vector --config=configs/symbol_vector/eight_gaussians.py

As eight_gaussians_released.py, which says the rest, but for 2,000 iterations of 200 points. The arm no_energy has
N(0, I) as p(z). class_purity is 1 if every symbol is one mode.
Expected: none published. Here, seeds 0, 1, 2: KL from the law of the data .65, .61, .63 nats, without the energy 2.05,
2.04, 2.14; purity .63, .76, .75, because some symbols have two modes and others none.
Cost: two minutes of a CPU core, with the arm and the evaluation.
"""

from configs.common import variant_of
from configs.symbol_vector.common import shorter, smoke
from configs.symbol_vector.eight_gaussians_released import get_config as released


def get_config(variant=""):
    config = released()
    shorter(config)
    return variant_of(config, variant, smoke)
