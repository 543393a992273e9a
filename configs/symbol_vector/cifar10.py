"""Symbol-vector coupling (Pang et al. 2020, arXiv 2010.09359) on CIFAR-10, 4,000 labels: our extension.

    python -m experiments.symbol_vector --config=configs/symbol_vector/cifar10.py

Generator, energy's width, chain and weights are published; the wide residual net 28-3 that infers z has no dropout
here. The published code for images was not released: learning rates are those for bags of words.
Expected: none published, not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import images
from configs.symbol_vector.svhn import get_config as svhn
from configs.symbol_vector.svhn import smoke_images


def get_config(variant=""):
    config = svhn()
    config.data.name = "cifar10"
    images(config, "cifar10", 128)
    config.labels.per_class = 400
    config.model.latent_dim = 128
    return variant_of(config, variant, smoke_images)
