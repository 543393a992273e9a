"""A VAE with an energy of x and z (Han et al. 2020, arXiv 2006.06059) on CelebA, 64 x 64.

    python -m ebmjax.data.prepare celeb_a
    python -m experiments.vae_latent_ebm --config=configs/vae_latent_ebm/celeba64.py

The official code is for CIFAR-10: weights and rates are those, generator and encoder have one more layer at the widest,
and the energy's last convolution covers 8 x 8 pixels, which are our own choices.
Expected: the paper's figures for this data set are not known to us; not measured here.
Cost: 100 epochs of 1,627 steps on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vae_latent_ebm.common import official, smoke_images, vae_latent_ebm


def get_config(variant=""):
    config = vae_latent_ebm("celeb_a@64")
    official(config)
    config.train.num_steps = 100 * 1627
    return variant_of(config, variant, smoke_images)
