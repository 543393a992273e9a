"""Configs of VERA without labels: settings of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230) and of their code."""

from ml_collections import ConfigDict

from configs.common import base, each, fake_name, net, short
from configs.vera.common import vera as with_labels


def unsupervised_vera(data: str) -> ConfigDict:
    """The defaults of the official program: Adam (0, .9) at 1e-3, λ = 1, γ = 0, 20 draws of two latent dimensions."""
    config = base("unsupervised_vera", data)
    config.train.batch_size = 200
    labelled = with_labels(data)
    config.model, config.optimizer = labelled.model, labelled.optimizer
    config.model.update(latent_dim=2, gradient_penalty=0.0)
    config.model.energy = ConfigDict(net("mlp", (100, 100), activation="leaky_relu", init="torch", slope=0.2))
    config.evaluate = ConfigDict(
        {
            "arms": (),  # trained to compare: no_entropy, hmc
            "batch_size": 500,
            "max_examples": 10_000,  # of training images, samples and test images each
            "feature_steps": 1500,  # of the small classifier of the labels of images; 0: none
            "num_bound": 2000,  # samples, and means g(z), of the bound of log Z in the plane
            "num_means": 100_000,
        }
    )
    return config


def toy(data: str) -> ConfigDict:
    """Points in the plane, by the published perceptrons of two hidden layers of 100."""
    config = unsupervised_vera(data)
    config.train.update(num_steps=10_000, steps_per_dispatch=50, log_every=50, checkpoint_every=2500)
    config.model.generator.update(name="normed_mlp", widths=(100, 100), activation="relu")
    config.evaluate.arms = ("no_entropy", "hmc")
    return config


def calm_toy(data: str) -> ConfigDict:
    """`toy` whose energy settles: rates fall to 0, the energy's is 3e-4, and γ = .1. With the published constant 1e-3
    the samples are as good, but the last energy is of no use as a density."""
    config = toy(data)
    each((config.optimizer.energy, config.optimizer.generator), schedule="cosine")
    config.optimizer.energy.learning_rate = 3e-4
    config.model.gradient_penalty = 0.1
    return config


def images(data: str) -> ConfigDict:
    """Images: λ = 1e-4 and γ = .1, the published values for CIFAR-10, and DCGAN's nets."""
    config = unsupervised_vera(data)
    config.train.update(num_steps=100_000, checkpoint_every=5000)
    config.model.update(latent_dim=128, entropy_weight=1e-4, gradient_penalty=0.1)
    config.model.energy.update(name="dcgan", width=64)
    config.model.generator.update(name="dcgan", width=64)
    return config


def digits(data: str) -> ConfigDict:
    """8 x 8 images: a ConvNet against a perceptron, with the settings of configs/vera/digits.py."""
    config = unsupervised_vera(data)
    config.train.update(num_steps=5000, batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=2500)
    config.model.update(latent_dim=32, gradient_penalty=0.1, data_noise=0.3, sigma=0.1)
    config.model.energy.update(name="conv", width=16)
    config.model.generator.update(widths=(256, 256), activation="leaky_relu")
    config.model.posterior.num_samples = 8
    each((config.optimizer.energy, config.optimizer.generator), learning_rate=2e-3, schedule="cosine")
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few draws, on fake images where files are needed."""
    short(config, 4, 16, 2, batch_size=64, num_bound=16, num_means=64)
    kind, _, name = config.data.name.rpartition(":")
    config.data.name = f"{kind}:{fake_name(name)}" if kind else fake_name(name)
    config.model.posterior.num_samples = 2
    if config.model.energy.name == "dcgan":
        config.model.energy.width = config.model.generator.width = 2
