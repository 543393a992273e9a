"""Symbol-vector coupling (Pang & Wu 2021, arXiv 2108.11556) on sequences of words without labels: Python's
documentation, by a small GRU.

    python -m experiments.symbol_vector --config=configs/symbol_vector/sequence.py

Needs no data. The cycles of the KL's weight, free bits and mutual information are those of ptb.py, sizes are ours.
Expected: none published, not measured here.
Cost: not measured.
"""

from configs.common import variant_of
from configs.symbol_vector.common import smoke as smoke_any
from configs.symbol_vector.common import symbol_vector, text
from configs.text_short_run.common import decoder


def get_config(variant=""):
    config = symbol_vector("pydoc")
    text(config, decoder("gru", 128, 0.2))
    config.data.vocabulary_size = 2000
    config.train.update(num_steps=2000, batch_size=64, steps_per_dispatch=10, log_every=50)
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke` with a small decoder, for tests."""
    smoke_any(config)
    config.model.decoder.update(embed_dim=4, hidden_dim=4)
    config.data.vocabulary_size = 50
    config.evaluate.update(max_examples=16, batch_size=16, num_samples=2, cross_steps=2, max_generated=16)
