"""Hypernetwork (Deutsch 2018, arXiv 1801.01952) on MNIST, with the published target and hypernetwork.

    python -m ebmjax.data.prepare mnist && python -m experiments.hypernetwork --config=configs/hypernetwork/mnist.py

Target 20,018 weights, hypernetwork 633,640 trainable parameters, d = 300, λ = 1000, 32 z x 32 images, Adam 3e-4, pixels
in [0, 1], 55,000 training images (5,000 are left out, which published training validates on).
Expected (papers, about): single networks 98.5 %, ensembles 99.1 %; the checkpoints are of steps 13,000 to 18,000. Ours:
the entropy ignores the last layer's scale (fix_last), evaluation on the test part.
Cost: 18,000 steps of 32 networks; not run at full length.
"""

from configs.common import paper, variant_of
from configs.hypernetwork.common import hypernetwork, smoke_images


def get_config(variant=""):
    config = hypernetwork("mnist")
    config.data.num_train = 55_000
    config.model.inputs = "unit"
    config.train.update(num_steps=18_000, steps_per_dispatch=10, log_every=20)
    figures = {"accuracy_single_mean": 0.985, "accuracy_ensemble": 0.991}
    paper(config, "Deutsch et al. 2019, about", protocol="ensembles of 100 or 200", data=("mnist",), **figures)
    return variant_of(config, variant, small)


def small(config):
    """`smoke` with narrow nets on fake images."""
    smoke_images(config)
    config.model.target.widths = (4, 4, 4)
    config.model.hypernet.update(widths=(8, 8, 8, 8), extractor=(16, 16))
