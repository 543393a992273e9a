"""NICE with 15,154,352 parameters on MNIST, learned in three ways (Grathwohl, Kelly et al. 2021, arXiv 2010.04230,
section 5.1): published sizes.

    python -m experiments.nice_likelihood --config=configs/nice_likelihood/mnist.py

Expected: none published: the paper's densities are of logits (configs/nice_likelihood/mnist_logits.py); these are of
the pixels in [-1, 1]. Not measured.
Cost: hours of a CPU; not run at full length.
"""

from configs.common import variant_of
from configs.nice_likelihood.common import nice_likelihood, smoke


def get_config(variant=""):
    config = nice_likelihood("mnist")
    config.train.update(num_steps=60_000, checkpoint_every=5000)
    return variant_of(config, variant, smoke)
