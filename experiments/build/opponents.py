"""Opponents of a latent EBM on images (Pang et al. 2020, arXiv 2006.08205, Table 1), from its config.

Each is trained on the same batches, as long, and by the optimiser of the EBM's generator.
"""

from functools import partial

from ml_collections import ConfigDict

from ebmjax.mcmc import langevin
from ebmjax.methods import multilayer_short_run, vae
from experiments.build.chains import one_step_size
from experiments.build.encoded import make_networks
from experiments.build.networks import make_multilayer_generator
from experiments.build.optimizers import optimizers_of

LIMITS = {
    "model.multilayer.latent_dims": 1,
    "sampler.multilayer.num_steps": 1,
    "sampler.multilayer.step_size": 1e-6,
    "sampler.multilayer.noise_scale": 0,
}


def as_generator(config, data_spec, *groups: str) -> dict:
    """The optimiser of config.optimizer.generator, once for each of `groups`."""
    return optimizers_of(config, data_spec, dict.fromkeys(groups, config.optimizer.generator))


def make_vae(config, data_spec):
    """A VAE of the same generator and σ, with the encoder of config.model.encoder."""
    return vae(
        **make_networks(config, data_spec.shape),
        optimizers=as_generator(config, data_spec, "generator", "encoder"),
        sigma=config.model.sigma,
        latent_dim=config.model.latent_dim,
    )


def make_short_run(config, data_spec):
    """Multi-layer short-run inference of the model config.model.multilayer by the Langevin chain of
    config.sampler.multilayer, whose step size is not learned, as in its released code."""
    model, sampler = config.model.multilayer, config.sampler.multilayer
    return multilayer_short_run(
        make_multilayer_generator(ConfigDict({"model": model}), data_spec.shape),
        make_kernel=partial(langevin, noise_scale=sampler.noise_scale),
        num_steps=sampler.num_steps,
        step_size=one_step_size(config, "multilayer"),
        optimizers=as_generator(config, data_spec, "generator"),
        sigma=model.sigma,
        latent_dim={f"z{i}": dim for i, dim in enumerate(model.latent_dims, start=1)},
    )


def described(config) -> list[str]:
    """ "<opponent>: <what it is>" of each of config.evaluate.opponents, for the protocol of a run."""
    sampler, layers = config.sampler.multilayer, len(config.model.multilayer.latent_dims)
    what = {
        "gaussian_trained": "a generator trained with N(0, I), which is short-run inference of one layer",
        "vae": "the same generator trained with an encoder, whose mean gives the test_mse",
        "short_run_5": f"short-run inference of {layers} layers, by {sampler.num_steps} noisy steps of "
        f"{sampler.step_size:g}, which give the test_mse",
    }
    return [f"{name}: {what[name]}" for name in config.evaluate.opponents]
