"""VERA (Grathwohl, Kelly et al. 2021, arXiv 2010.04230) on MNIST with 10 labels a class and the published net of
1,789,260 parameters.

    python -m experiments.vera --config=configs/vera/mnist.py

Published: the nets but for the weight normalisation of the classifier's, learning rates, batch size; the length and the
noise on the data are ours.
Expected: the paper's figure is not known to us; not measured here.
Cost: hours of a CPU; not run at full length.
"""

from configs.common import variant_of
from configs.vera.common import smoke, vera


def get_config(variant=""):
    config = vera("mnist")
    config.model.generator.name = "normed_mlp"
    config.train.update(num_steps=30_000, checkpoint_every=3000)
    config.model.data_noise = 0.3
    return variant_of(config, variant, smoke)
