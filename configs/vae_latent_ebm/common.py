"""The config of the VAE with an energy of x and z (Han et al. 2020, arXiv 2006.06059)."""

from ml_collections import ConfigDict

from configs import encoders
from configs.common import each

smoke, smoke_images = encoders.smoke, encoders.smoke_images


def vae_latent_ebm(data: str) -> ConfigDict:
    """The published weights and rates with perceptrons; a data set's config states what differs."""
    config = encoders.encoded("vae_latent_ebm", data)
    config.model.weight = 1.0  # of KL(Q || P); at 1 the entropies of q cancel
    config.model.energy = ConfigDict({"name": "mlp", "widths": (256, 256), "width": 64, "form": "softplus"})
    each(config.optimizer.values(), b1=0.0, b2=0.9, clip_norm=0.0)
    return config


def official(config: ConfigDict) -> None:
    """The networks, the weight decay and the schedule of the official code for CIFAR-10."""
    encoders.dcgan(config, 96, 48, 64, normed=True)
    config.model.scale_deviation = 0.0
    each(config.optimizer.values(), shared_epochs=1)
    each((config.optimizer.generator, config.optimizer.encoder), weight_decay=1e-4)
