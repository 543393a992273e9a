"""Common parts of the configs of methods with a generator and an encoder."""

from ml_collections import ConfigDict

from configs.common import adam, base, each, fake_data, images_evaluation, missing, short


def encoded(experiment: str, data: str) -> ConfigDict:
    """Perceptrons, and the optimisers' common fields; a data set's config states what differs."""
    config = base(experiment, data)
    config.model = ConfigDict(
        {
            "latent_dim": 100,
            "sigma": 0.5**0.5,  # standard deviation of p(x | z); √½ weighs the squared error by 1
            "kl_weight": 1.0,  # of KL(q(z | x) || N(0, I)), of the VAE too
            "scale_deviation": 0.02,  # of batch normalisation's scales at first, around 1
            "fill_steps": 2,  # times that the gaps of incomplete examples are filled from z
            "generator": {"name": "mlp", "widths": (128, 128), "width": 128, "activation": "leaky_relu"},
            "encoder": {"name": "mlp", "widths": (128, 128), "width": 64, "activation": "leaky_relu", "normed": False},
        }
    )
    config.optimizer = ConfigDict(
        {
            group: adam(rate, b1=0.5, schedule="exponential", clip_norm=100.0, weight_decay=0.0)
            for group, rate in (("energy", 1e-4), ("generator", 3e-4), ("encoder", 3e-4))
        }
    )
    config.train.batch_size = 100
    missing(config)
    images_evaluation(config)
    config.evaluate.inpainting_samples = 20  # draws of z whose mean fills gaps
    config.evaluate.vae_baseline = True  # also train a VAE of the same networks
    return config


def small(config: ConfigDict) -> None:
    """Settings for the embedded digits: latent size 16, batches of 128, a cosine schedule from 1e-3."""
    config.model.latent_dim = 16
    each(config.optimizer.values(), learning_rate=1e-3, schedule="cosine")
    config.train.update(batch_size=128, steps_per_dispatch=50, log_every=50, checkpoint_every=500)


def dcgan(config: ConfigDict, generator: int, encoder: int, energy: int, *, normed: bool) -> None:
    """The published convolutions for images of 32 x 32, by their widths; normed: batch normalisation in the encoder."""
    for net, width in (("generator", generator), ("encoder", encoder), ("energy", energy)):
        config.model[net].name = "dcgan"
        config.model[net].width = width
    config.model.encoder.normed = normed


def smoke(config: ConfigDict) -> None:
    """`short`, with small nets."""
    short(config)
    for net in ("generator", "encoder", "energy"):
        config.model[net].widths = (8,)


def smoke_images(config: ConfigDict) -> None:
    """The same on fake images, with narrow convolutions."""
    smoke(config)
    fake_data(config, max_examples=16, batch_size=16)
    for net in ("generator", "encoder", "energy"):
        config.model[net].width = 2
