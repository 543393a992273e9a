"""Anomaly detection by a latent EBM (Pang et al. 2020, arXiv 2006.08205, Table 3) on MNIST: the published network.

    python -m ebmjax.data.prepare mnist && python -m experiments.anomaly --config=configs/anomaly/mnist.py

The code of this table is not released. Latent size 8 and the convolutions of width 128 are those of later code (arXiv
2310.03218); chains, σ, rates, batch and 201 epochs are the SVHN script's; the figures are means over the last ten
epochs, as in the paper. The VAE and N(0, I) are trained beside it. The split is that of the later code: 80 % of the
normal images of training and test part together, and all anomalies in the test. For a CPU: mnist_cpu.py.
Expected (paper): .336, .630, .619, .463 and .413 for 1, 4, 5, 7 and 9, its VAE .063, .337, .325, .148 and .104. Not in
our tables, for the paper does not state the share of anomalies. With all of them in the test digit 1 is 39 % of it, and
no score can be below .23; .063 needs a share near the natural one (auprc_natural). Not measured here.
Cost: 100,000 steps on a GPU for each of fifteen trainings, not measured; not run.
"""

from configs.anomaly import common
from configs.common import variant_of
from configs.latent_ebm import common as latent

STEPS_PER_EPOCH = 496  # batches of 100 in 80 % of the images that are left without the largest class


def get_config(variant=""):
    config = common.anomaly(latent.latent_ebm("mnist"))
    config.model.latent_dim = 8
    config.model.generator.update(name="mnist", width=128)
    config.train.num_steps = 201 * STEPS_PER_EPOCH
    config.anomaly.evaluate_every = STEPS_PER_EPOCH
    config.evaluate.opponents = ("gaussian_trained", "vae")
    return variant_of(config, variant, smoke)


def smoke(config):
    """`smoke` of the method on fake images, and of the experiment."""
    latent.smoke_images(config)
    common.smoke(config)
