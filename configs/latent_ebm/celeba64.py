"""Latent EBM prior (Pang et al. 2020, arXiv 2006.08205) on CelebA, 64 x 64.

    python -m experiments.latent_ebm --config=configs/latent_ebm/celeba64.py

Expected (paper, Table 1): FID 37.87, test MSE .013 (VAE 65.75 / .021), most likely on a subset of 40,000 images that
the papers of this line share; the images here are TFDS's whole training split, cropped to a square and resized. The
width is that of the descendants' code. Needs about 2 GB of device memory for the images.
Cost: 100,000 steps on a GPU, not measured; not run at full length.
"""

from configs.common import variant_of
from configs.latent_ebm.common import latent_ebm, smoke_images, table_1


def get_config(variant=""):
    config = latent_ebm("celeb_a@64")
    config.model.generator.name = "celeba64"
    config.model.generator.width = 128
    config.train.num_steps = 100_000
    table_1(config, 0.013, 37.87, "; most likely on 40,000 images")
    return variant_of(config, variant, smoke_images)
