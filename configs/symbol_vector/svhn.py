"""Symbol-vector coupling on SVHN, 1,000 labels: the experiment of Pang et al. 2020 (arXiv 2010.09359).

    python -m experiments.symbol_vector --config=configs/symbol_vector/svhn.py

Generator, energy's width, chain and weights are published; the wide residual net 28-3 that infers z has no dropout and
no batch normalisation here. The published code for images was not released: learning rates are those for bags of words.
Expected (paper): about 92 %, with other nets; not measured here.
Cost: a GPU's work, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.symbol_vector.common import images, smoke, symbol_vector


def get_config(variant=""):
    config = symbol_vector("svhn_cropped")
    images(config, "svhn", 64)
    config.labels.per_class = 100
    config.model.encoder.name = "wide_resnet"
    config.train.batch_size = 100
    return variant_of(config, variant, smoke_images)


def smoke_images(config):
    """`smoke` on fake images."""
    smoke(config)
    config.data.name = "fake:32x32x3"
