"""Symbol-vector coupling on a small table embedded in scikit-learn, 5 labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/wine.py

Wine, 13 measurements and 3 classes, 124 + 54 examples;
columns standardised by the training part. All settings are ours, and not tuned.
"""

from configs.common import variant_of
from configs.symbol_vector.common import small, smoke, symbol_vector


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = symbol_vector("wine")
    small(config)
    config.data.standardise = True
    config.labels.per_class = 5
    config.model.latent_dim = 8
    config.model.input_noise = 0.3
    config.train.batch_size = 64
    config.train.num_steps = 1500
    return variant_of(config, variant, smoke)
