"""A VAE with an energy of x and z (Han et al. 2020, arXiv 2006.06059) on SVHN, 32 x 32, as the official code's
CIFAR-10.

    python -m ebmjax.data.prepare svhn_cropped
    python -m experiments.vae_latent_ebm --config=configs/vae_latent_ebm/svhn.py

Expected: none published, not measured here.
Cost: 200 epochs of 732 steps on a GPU; not run at full length.
"""

from configs.common import variant_of
from configs.vae_latent_ebm.common import official, smoke_images, vae_latent_ebm


def get_config(variant=""):
    config = vae_latent_ebm("svhn_cropped")
    official(config)
    config.train.num_steps = 200 * 732
    return variant_of(config, variant, smoke_images)
