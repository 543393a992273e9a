"""What the configs of methods with a generator and an encoder have in common."""

from ml_collections import ConfigDict

from configs.common import adam, base


def encoded(experiment: str, data: str) -> ConfigDict:
    """Perceptrons, and the optimisers' common fields; a data set's config states what differs."""
    config = base(experiment, data)
    config.model = ConfigDict(
        {
            "latent_dim": 100,
            "sigma": 0.5**0.5,  # standard deviation of p(x | z); √½ weighs the squared error by 1
            "kl_weight": 1.0,  # of KL(q(z | x) || N(0, I)), of the VAE too
            "fill_steps": 2,  # times that the gaps of incomplete examples are filled from z
            "generator": {"name": "mlp", "widths": (128, 128), "width": 128, "activation": "leaky_relu"},
            "encoder": {"name": "mlp", "widths": (128, 128), "width": 64, "activation": "leaky_relu", "normed": False},
        }
    )
    config.optimizer = ConfigDict({group: adam(3e-4) for group in ("energy", "generator", "encoder")})
    for group in config.optimizer.values():
        group.schedule = "exponential"
        group.weight_decay = 0.0
        group.clip_norm = 100.0
    config.optimizer.energy.learning_rate = 1e-4
    config.train.batch_size = 100
    # What training examples lack: "" nothing, "pixels" a fraction of them, "block" a square of `size` pixels.
    config.missing = ConfigDict({"name": "", "fraction": 0.5, "size": 4, "seed": 0})
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = 50_000  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier behind frechet_features; 0: none
    config.evaluate.inpainting_samples = 20  # draws of z whose mean fills gaps
    config.evaluate.vae_baseline = True  # also train a VAE of the same networks
    return config


def small(config: ConfigDict) -> None:
    """Of the embedded digits: latent size 16, batches of 128, a cosine schedule from 1e-3."""
    config.model.latent_dim = 16
    for group in config.optimizer.values():
        group.learning_rate = 1e-3
        group.schedule = "cosine"
    config.train.batch_size = 128
    config.train.steps_per_dispatch = config.train.log_every = 50
    config.train.checkpoint_every = 500


def dcgan(config: ConfigDict, generator: int, encoder: int, energy: int, *, normed: bool) -> None:
    """The published convolutions for images of 32 x 32, by their widths; normed: batch normalisation in the encoder."""
    for net, width in (("generator", generator), ("encoder", encoder), ("energy", energy)):
        config.model[net].name = "dcgan"
        config.model[net].width = width
    config.model.encoder.normed = normed


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.steps_per_dispatch = 5
    config.train.num_steps = 10
    config.train.batch_size = 16
    config.train.log_every = config.train.checkpoint_every = config.train.steps_per_dispatch
    for net in ("generator", "encoder", "energy"):
        config.model[net].widths = (8,)
    config.evaluate.max_examples = 64
    config.evaluate.batch_size = 32
    config.evaluate.feature_steps = 20
    config.evaluate.inpainting_samples = 2


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with narrow nets on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    for net in ("generator", "encoder", "energy"):
        config.model[net].width = 2
    config.train.steps_per_dispatch = 1
    config.train.num_steps = 2
    config.train.log_every = config.train.checkpoint_every = 1
    config.train.batch_size = 8
    config.evaluate.max_examples = 16
    config.evaluate.batch_size = 16
