"""Symbol-vector coupling on reviews with their sentiment: sentences for a label, as in Pang & Wu 2021 (arXiv
2108.11556), section 4.

    python -m experiments.symbol_vector --config=configs/symbol_vector/yelp.py --config.data.name=lines:FILE

FILE has lines `label TAB sentence`, labels 0 and 1, all of them used. Published settings: those of ptb.py but for 60
steps of the chain, four cycles of the KL's weight up to 1 (a fifth of each at 0, a fifth rising), cross entropy 4,
batches of 128, sentences of at most 55 words, 84,000 steps; samples of a class are greedy. controlled_accuracy is the
share of 640 samples of each class that a classifier of the training sentences gives that class: there a GRU with two
layers on it, here logistic regression on the words that occur ("real": of the test sentences and their labels).
by_symbol.txt has samples of either sentiment. A smaller model: yelp_small.py.
Expected: the paper's accuracy is of another classifier; not measured here.
Cost: 84,000 steps; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import symbol_vector, text
from configs.symbol_vector.sequence import smoke
from configs.text_short_run.common import decoder


def get_config(variant=""):
    return variant_of(controlled(decoder("gru", 512, 0.3)), variant, smoke)


def controlled(network):
    """The published settings, with a decoder `network`."""
    config = symbol_vector("lines:FILE")
    text(config, network)
    config.data.max_length = 55
    config.labels.weight = 4.0
    config.labels.per_class = 0
    config.model.num_symbols = 0
    config.model.kl.update(largest=1.0, cycles=4, zero=0.2, ramp=0.2)
    config.sampler.prior.num_steps = 60
    config.train.update(num_steps=84_000, batch_size=128, log_every=100, checkpoint_every=7000)
    config.evaluate.arms = ("supervised",)
    return config
