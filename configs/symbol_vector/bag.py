"""Symbol-vector coupling (Pang & Wu 2021, arXiv 2108.11556) on bags of words without labels: ten symbols for the
sentences of Python's documentation.

    python -m experiments.symbol_vector --config=configs/symbol_vector/bag.py

Needs no data. All settings are ours. For sentences with labels, agnews.py.
Expected: none published, not measured here.
Cost: not measured.
"""

from configs.common import variant_of
from configs.symbol_vector.common import small, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("pydoc")
    small(config)
    config.data.vocabulary_size = 2000
    config.labels.weight = 0.0
    config.labels.num_seeds = 1
    config.model.text = "bag"
    config.model.num_symbols = 10
    config.model.generator.widths = (128,)
    config.evaluate.arms = ()
    config.train.num_steps = 1500
    return variant_of(config, variant, smoke)
