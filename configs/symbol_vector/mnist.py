"""Symbol-vector coupling (Pang et al. 2020, arXiv 2010.09359) on MNIST, 10 labels a class.

    python -m experiments.symbol_vector --config=configs/symbol_vector/mnist.py

The generator is the published one for 28 x 28 images; the encoder and all other settings are ours.
Expected: none published, not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import images, small, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("mnist")
    small(config)
    images(config, "mnist", 32)
    config.model.latent_dim = 32
    config.model.encoder.name = "conv"
    config.model.encoder.width = 32
    config.model.input_noise = 0.3
    config.train.num_steps = 20_000
    return variant_of(config, variant, smoke)
