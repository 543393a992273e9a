"""VERA without labels (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on MNIST, by the published perceptrons.

    python -m experiments.unsupervised_vera --config=configs/unsupervised_vera/mnist.py

Published: the nets but for weight normalisation; λ and γ are the published ones for CIFAR-10, the length is ours.
Expected: none published that is known to us; not measured here.
Cost: hours of a CPU; not run at full length.
"""

from configs.common import variant_of
from configs.unsupervised_vera.common import images, smoke


def get_config(variant=""):
    config = images("mnist")
    config.model.energy.update(name="mlp", widths=(1000, 500, 500, 250, 250, 250))
    config.model.generator.update(name="normed_mlp", widths=(500, 500, 500))
    return variant_of(config, variant, smoke)
