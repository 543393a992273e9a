"""A VAE with an energy of x and z (arXiv 2006.06059) on CIFAR-10, 32 x 32: the official code's settings.

    python -m ebmjax.data.prepare cifar10
    python -m experiments.vae_latent_ebm --config=configs/vae_latent_ebm/cifar10.py

800 epochs of 500 steps. The official log at epoch 49: IS 5.25, squared error 91.6 an image, that is .0298 per entry.
"""

from configs.common import variant_of
from configs.vae_latent_ebm.common import official, smoke_images, vae_latent_ebm


def get_config(variant=""):
    """variant: "" or "smoke" (seconds, on fake images of the same shape)."""
    config = vae_latent_ebm("cifar10")
    official(config)
    config.train.num_steps = 800 * 500
    return variant_of(config, variant, lambda c: smoke_images(c, "fake:32x32x3"))
