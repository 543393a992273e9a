"""NICE with 15,154,352 parameters on logits of MNIST's pixels, learned in three ways (Grathwohl, Kelly et al. 2021,
arXiv 2010.04230, section 5.1): published sizes and preparation of the data.

    python -m experiments.nice_likelihood --config=configs/nice_likelihood/mnist_logits.py

Expected (paper, quoted from memory and so in no table): -791 nats by maximum likelihood, -1138 by VERA, -2039 by sliced
score matching. Ours: the last parameters are taken, and the length.
Cost: hours of a CPU; not run at full length.
"""

from configs.common import variant_of
from configs.nice_likelihood.common import smoke
from configs.nice_likelihood.mnist import get_config as mnist


def get_config(variant=""):
    config = mnist()
    config.model.space = "logits"
    config.model.generator.name = "normed_mlp"
    return variant_of(config, variant, smoke)
