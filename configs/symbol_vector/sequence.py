"""Symbol-vector coupling on sequences of words without labels: Python's documentation, by a small GRU.

    python -m experiments.symbol_vector --config=configs/symbol_vector/sequence.py

Needs no data. The cycles of the KL's weight, free bits and mutual information are those of ptb.py, sizes are ours.
"""

from configs.common import variant_of
from configs.symbol_vector.common import smoke as smoke_any
from configs.symbol_vector.common import symbol_vector, text


def decoder(size, dropout):
    """Fields of the decoder."""
    fields = {"cell": "gru", "embed_dim": size, "hidden_dim": size, "dropout": dropout}
    return fields | {"word_dropout": 0.0, "init_scale": 0.1}


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = symbol_vector("pydoc")
    text(config, decoder(128, 0.2))
    config.data.vocabulary_size = 2000
    config.train.batch_size = 64
    config.train.num_steps = 2000
    config.train.steps_per_dispatch = 10
    config.train.log_every = 50
    return variant_of(config, variant, smoke)


def smoke(config):
    """Seconds instead of minutes: for tests, of no scientific value."""
    smoke_any(config)
    config.model.decoder.embed_dim = config.model.decoder.hidden_dim = 4
    config.data.vocabulary_size = 50
    config.evaluate.max_examples = 16
    config.evaluate.batch_size = 16
