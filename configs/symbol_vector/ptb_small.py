"""Symbol-vector coupling on the Penn Treebank (Pang & Wu 2021, arXiv 2108.11556), smaller: one epoch of a GRU of 128.

    python -m experiments.symbol_vector --config=configs/symbol_vector/ptb_small.py --config.data.name=lines:FILE

As ptb.py, which says the rest, but for nets of 128 units, one epoch of batches of 32, and fewer samples and shorter
language models behind the perplexities of samples. The arm no_energy has N(0, I) as p(z).
Expected: TODO
Cost: TODO
"""

from configs.common import variant_of
from configs.symbol_vector.common import symbol_vector, text
from configs.symbol_vector.sequence import smoke
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = symbol_vector("lines:FILE")
    text(config, decoder("gru", 128, 0.3))
    config.train.update(num_steps=1315, batch_size=32, steps_per_dispatch=5, log_every=25, checkpoint_every=1315)
    config.evaluate.update(arms=("no_energy",), max_examples=500, cross_steps=400, max_generated=4000)
    return variant_of(config, variant, smoke)
