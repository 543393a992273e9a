"""Symbol-vector coupling on CIFAR-10, 4,000 labels: our extension.

    python -m experiments.symbol_vector --config=configs/symbol_vector/cifar10.py

Generator, energy's width, chain and weights are published; the wide residual net 28-3 that infers z has no dropout
here. The published code for images was not released: learning rates are those for bags of words. A GPU's work.
"""

from configs.common import variant_of
from configs.symbol_vector.common import images, smoke, symbol_vector


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = symbol_vector("cifar10")
    images(config, "cifar10", 128)
    config.labels.per_class = 400
    config.model.latent_dim = 128
    config.model.encoder.name = "wide_resnet"
    config.train.batch_size = 100
    return variant_of(config, variant, smoke_images)


def smoke_images(config):
    """`smoke` on fake images."""
    smoke(config)
    config.data.name = "fake:32x32x3"
