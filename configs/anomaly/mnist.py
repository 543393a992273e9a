"""Anomaly detection by a latent EBM (Pang et al. 2020, arXiv 2006.08205, Table 3) on MNIST.

    python -m ebmjax.data.prepare mnist && python -m experiments.anomaly --config=configs/anomaly/mnist.py

Published, here or in the code of later papers: latent size 8, σ .3, energy 200-200, chains of 60 and 20 steps, the
digits 1, 4, 5, 7, 9. Our own, for a CPU: perceptrons instead of deconvolutions of width 128, learning rates, length.
The paper's figures are .336, .630, .619, .463 and .413, those of its VAE .063, .337, .325, .148 and .104. They do not
come with their share of anomalies: with all of them in the test, as in the released code of Zenati et al. 2018, digit 1
is 39 % of it, and no score can have less than .23; .063 takes a share near the natural one (auprc_natural).
"""

from configs.anomaly import common
from configs.common import variant_of
from configs.latent_ebm import common as latent


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = common.anomaly(latent.latent_ebm("mnist"))
    config.model.latent_dim = 8
    config.model.generator.widths = (256, 256)
    config.sampler.refine_steps = 40
    config.optimizer.energy.learning_rate = 2e-4
    config.optimizer.generator.learning_rate = 1e-3
    for group in (config.optimizer.energy, config.optimizer.generator):
        group.b1 = 0.9
        group.schedule = "cosine"
    config.train.num_steps = 7000
    config.train.batch_size = 128
    config.train.steps_per_dispatch = 20
    config.anomaly.evaluate_every = 100
    config.evaluate.max_examples = 4000
    config.evaluate.gaussian_baseline = True
    return variant_of(config, variant, smoke)


def smoke(config):
    """The method's own on fake images, and the experiment's."""
    latent.smoke_images(config, "fake:28x28x1")
    common.smoke(config)
