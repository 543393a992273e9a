"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CIFAR-10.

    python -m experiments.latent_ebm --config=configs/latent_ebm/cifar10.py

Expected (paper, Table 1): FID 70.15, test MSE .020 (VAE 106.37 / .057). The official code has no CIFAR-10 script:
width, latent size, K1 and the 8 x 8 start are those of its descendants' code; 70,000 steps are those of the paper's
one-page code.
Cost: 70,000 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("cifar10")
    config.model.latent_dim = 128
    config.model.generator.name = "cifar10"
    config.model.generator.width = 128
    config.sampler.posterior.num_steps = 40
    config.train.num_steps = 70_000
    table_1(config, 0.020, 70.15)
    return variant_of(config, variant, smoke_images)
