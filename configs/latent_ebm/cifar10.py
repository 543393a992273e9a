"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CIFAR-10.

    python -m experiments.latent_ebm --config=configs/latent_ebm/cifar10.py

The official code has no CIFAR-10 script. Width, latent size and the 8 x 8 start are those of its descendants' code; the
rest is the one-page code of the paper's supplement: LeakyReLU .2, K1 = 40, 70,000 iterations, and constant rates, for
its copies show no schedule.
The opponents of the table: --config.evaluate.opponents="('gaussian_trained', 'vae', 'short_run_5')".
Expected (paper, Table 1): FID 70.15, test MSE .020 (VAE 106.37 / .057).
Cost: 70,000 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import convolutions, latent_ebm, one_page, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("cifar10")
    config.model.latent_dim = 128
    convolutions(config, "cifar10", 128)
    one_page(config)
    table_1(config, 0.020, 70.15)
    return variant_of(config, variant, smoke_images)
