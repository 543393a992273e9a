"""NICE with 15,154,352 parameters on MNIST, learned in three ways (arXiv 2010.04230, section 5.1): published sizes.

    python -m experiments.nice_likelihood --config=configs/nice_likelihood/mnist.py

The paper reports -791 nats by maximum likelihood, -1138 by VERA and -2039 by sliced score matching of logits of the
pixels; here densities are of the pixels in [-1, 1] themselves, so that only differences can be compared. Not run at
full length: hours of a CPU.
"""

from configs.common import variant_of
from configs.nice_likelihood.common import nice_likelihood, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, for tests)."""
    config = nice_likelihood("mnist")
    config.train.num_steps = 60_000
    config.train.checkpoint_every = 5000
    return variant_of(config, variant, _smoke)


def _smoke(config):
    smoke(config)
    config.data.name = "fake:28x28x1"
