"""Symbol-vector coupling on short reviews with their sentiment (Pang & Wu 2021, arXiv 2108.11556): a GRU of 128.

    python -m experiments.symbol_vector --config=configs/symbol_vector/yelp_small.py --config.data.name=lines:FILE

As yelp.py, which says the rest, but for nets of 128 units, sentences of at most 20 words and 1,500 steps of batches of
64.
Expected: TODO
Cost: TODO
"""

from configs.common import variant_of
from configs.symbol_vector.sequence import smoke
from configs.symbol_vector.yelp import controlled
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = controlled(decoder("gru", 128, 0.3))
    config.data.max_length = 20
    config.train.update(num_steps=1500, batch_size=64, steps_per_dispatch=5, log_every=25, checkpoint_every=1500)
    config.evaluate.update(max_examples=1000, arms=("supervised",))
    return variant_of(config, variant, smoke)
