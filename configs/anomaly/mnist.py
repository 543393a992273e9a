"""Anomaly detection by a latent EBM (Pang et al. 2020, arXiv 2006.08205, Table 3) on MNIST.

    python -m ebmjax.data.prepare mnist && python -m experiments.anomaly --config=configs/anomaly/mnist.py

Published, here or in the code of later papers: latent size 8, σ .3, energy 200-200, chains of 60 and 20 steps, the
digits 1, 4, 5, 7, 9. Our own, for a CPU: perceptrons instead of deconvolutions of width 128, learning rates, length.
Expected (paper): .336, .630, .619, .463 and .413, its VAE .063, .337, .325, .148 and .104. Not in our tables: the
network differs, and the share of anomalies is not stated. With all of them in the test, as in the released code of
Zenati et al. 2018, digit 1 is 39 % of it, and no score can be below .23; .063 needs a share near the natural one
(auprc_natural). Here, seed 0: auprc_joint .30 and auprc_natural_joint .08 for digit 1, .40 and .11 for digit 9.
Cost: twelve to sixteen minutes of a CPU core for a digit; two minutes of an H200 for all five.
"""

from configs.anomaly import common
from configs.common import each, variant_of
from configs.latent_ebm import common as latent


def get_config(variant=""):
    config = common.anomaly(latent.latent_ebm("mnist"))
    config.model.latent_dim = 8
    config.model.generator.widths = (256, 256)
    config.sampler.refine_steps = 40
    config.optimizer.energy.learning_rate = 2e-4
    config.optimizer.generator.learning_rate = 1e-3
    each(config.optimizer.values(), b1=0.9, schedule="cosine")
    config.train.update(num_steps=7000, batch_size=128, steps_per_dispatch=20)
    config.anomaly.evaluate_every = 100
    config.evaluate.max_examples = 4000
    config.evaluate.gaussian_baseline = True
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke` of the method on fake images, and of the experiment."""
    latent.smoke_images(config)
    common.smoke(config)
