"""Hypernetwork (Deutsch 2018, arXiv 1801.01952) on MNIST, with the published target and hypernetwork.

    python -m ebmjax.data.prepare mnist && python -m experiments.hypernetwork --config=configs/hypernetwork/mnist.py

Target 20,018 weights, hypernetwork 633,640 trainable parameters, d = 300, λ = 1000, 32 z x 32 images, Adam 3e-4. The
papers' single networks reach about 98.5 %, ensembles about 99.1 %; its checkpoints are of steps 13,000 to 18,000. Ours:
the entropy is blind to the last layer (fix_last), evaluation on the test part.
"""

from configs.common import variant_of
from configs.hypernetwork.common import hypernetwork, smoke


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = hypernetwork("mnist")
    config.train.num_steps = 18_000
    config.train.steps_per_dispatch = 10
    config.train.log_every = 20
    return variant_of(config, variant, small)


def small(config):
    """`smoke` with narrow nets on fake images."""
    smoke(config)
    config.data.name = "fake:28x28x1"
    config.model.target.widths = (4, 4, 4)
    config.model.hypernet.widths = (8, 8, 8, 8)
    config.model.hypernet.extractor = (16, 16)
    config.model.hypernet.latent_dim = 8
