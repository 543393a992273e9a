"""Anomaly detection by a latent EBM (Pang et al. 2020, arXiv 2006.08205, Table 3) on MNIST, reduced for a CPU.

    python -m ebmjax.data.prepare mnist && python -m experiments.anomaly --config=configs/anomaly/mnist_cpu.py

The published network is mnist.py. Here perceptrons stand for its convolutions, an energy with LeakyReLU .2 for one with
GELU, and rates and length are our own.
Expected: the paper's figures are in mnist.py, and do not compare. Here, seed 0: auprc_joint .30 and auprc_natural_joint
.08 for digit 1, .40 and .11 for digit 9.
Cost: twelve to sixteen minutes of a CPU core for a digit; two minutes of an H200 for all five.
"""

from configs.anomaly import common
from configs.common import each, variant_of
from configs.latent_ebm import common as latent


def get_config(variant=""):
    config = common.anomaly(latent.latent_ebm("mnist"))
    config.model.latent_dim = 8
    config.model.energy.activation = "leaky_relu"
    config.model.generator.widths = (256, 256)
    config.sampler.refine_steps = 40
    config.optimizer.energy.learning_rate = 2e-4
    config.optimizer.generator.learning_rate = 1e-3
    each(config.optimizer.values(), b1=0.9, schedule="cosine")
    config.train.update(num_steps=7000, batch_size=128, steps_per_dispatch=20)
    config.anomaly.evaluate_every = 100
    config.evaluate.max_examples = 4000
    config.evaluate.opponents = ("gaussian_trained",)
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke` of the method on fake images, and of the experiment."""
    latent.smoke_images(config)
    common.smoke(config)
