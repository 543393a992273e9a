"""The divergence triangle's config (Han, Nijkamp et al. 2019, arXiv 1812.10907)."""

from ml_collections import ConfigDict

from configs import encoders
from configs.common import each, net


def triangle(data: str) -> ConfigDict:
    """The objective itself, all terms of weight 1; a data set's config states what differs."""
    config = encoders.encoded("divergence_triangle", data)
    config.model.latent_weight = 1.0  # of -log q(z | x) at generated x
    config.model.noisy_samples = True  # energy and encoder see generated x with observation noise
    config.model.energy = ConfigDict(net("mlp", (128, 128), activation="leaky_relu", init="he", slope=0.2))
    # For the evaluation's chains only, which start from test examples: x' = x - s² / (2T) ∇E + s ε.
    config.sampler = ConfigDict(
        {"name": "langevin", "chain": {"num_steps": 100, "step_size": 0.02, "temperature": 1.0}}
    )
    config.evaluate.opponents = ()  # trained too, beside the VAE: wake_sleep, ali, alice
    config.evaluate.num_chains = 64
    config.evaluate.long_run_steps = 10_000
    config.evaluate.mala = ConfigDict({"num_steps": 0, "step_size": 0.02, "temperature_factor": 1.0})
    config.evaluate.num_paths = 50  # pairs of test examples between which the energy is followed
    config.evaluate.num_points = 41
    return config


def official(config: ConfigDict) -> None:
    """The weights, networks and optimisers of the official code for CIFAR-10."""
    encoders.dcgan(config, 128, 64, 64, normed=False)
    official_weights(config)
    each(config.optimizer.values(), shared_epochs=0)
    config.optimizer.generator.weight_decay = 5e-4


def official_weights(config: ConfigDict) -> None:
    """Weights of the official code: the KL's mean over the latent's entries, .1 of -log q, noiseless g(z), σ √½."""
    config.model.sigma = 0.5**0.5
    config.model.kl_weight = 1.0 / config.model.latent_dim
    config.model.latent_weight = 0.1
    config.model.noisy_samples = False


def smoke(config: ConfigDict) -> None:
    """`smoke` of all methods with an encoder, with few and short chains."""
    encoders.smoke(config)
    _short_chains(config)


def smoke_images(config: ConfigDict) -> None:
    """The same for a published config, on fake images of its shape."""
    encoders.smoke_images(config)
    _short_chains(config)


def _short_chains(config):
    config.evaluate.update(long_run_steps=100, num_chains=8, num_paths=8, num_points=5)
