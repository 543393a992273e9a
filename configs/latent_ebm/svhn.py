"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on SVHN, 32 x 32, the published settings.

    python -m experiments.latent_ebm --config=configs/latent_ebm/svhn.py

Expected (paper, Table 1): FID 29.44, test MSE .008 (VAE 46.78 / .019, short-run inference 44.86 / .018).
Cost: 201 epochs of 732 steps, about 600 GFLOP each; docs/benchmarks.md has the time of a step on CPU and GPU. Not run
at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("svhn_cropped")
    config.model.generator.name = "svhn"
    config.train.num_steps = 201 * 732
    table_1(config, 0.008, 29.44)
    return variant_of(config, variant, smoke_images)
