"""A VAE and a ladder VAE with the generator of several layers that a config describes."""

from collections.abc import Callable

import optax

from ebmjax.methods import ladder_vae, vae
from ebmjax.nets import FlatLatents, LayeredEncoder
from ebmjax.optimizers import warmed_up
from ebmjax.training.config import ConfigError
from experiments.build.networks import make_multilayer_generator
from experiments.build.optimizers import optimizers_of

LIMITS = {"vae.kl_weight": 0, "vae.encoder.conv_widths": 1}


def make_encoder(config) -> LayeredEncoder:
    """The encoder of all layers from config.vae.encoder: widths, conv_widths; the generator's activation."""
    fields = config.vae.encoder
    return LayeredEncoder(
        config.model.latent_dims, fields.widths, fields.conv_widths, config.model.generator.activation
    )


def make_vae(config, data_spec, method: Callable, **options):
    """`vae` or `ladder_vae` with the config's generator, from its section vae. options: of the method alone."""
    fields, shape = config.vae, data_spec.shape
    if fields.encoder.conv_widths and (len(shape) != 3 or min(shape[:2]) >> len(fields.encoder.conv_widths) < 1):
        raise ConfigError(
            f"vae.encoder.conv_widths = {fields.encoder.conv_widths} halves images more often than examples of shape "
            f"{shape} can be; give fewer, or () for none"
        )
    weight = optax.constant_schedule(fields.kl_weight)
    return method(
        FlatLatents(make_multilayer_generator(config, shape), config.model.latent_dims),
        make_encoder(config),
        optimizers=optimizers_of(config, data_spec, dict.fromkeys(("generator", "encoder"), fields.optimizer)),
        sigma=config.model.sigma,
        kl_weight=warmed_up(weight, fields.warmup_steps),
        **options,
    )


def vaes(config, data_spec) -> dict:
    """{arm: method} of the opponents that config.evaluate asks for: vae_baseline, ladder_vae_baseline."""
    dims, made = config.model.latent_dims, {}
    if config.evaluate.vae_baseline:
        made["vae"] = make_vae(config, data_spec, vae, latent_dim=sum(dims))
    if config.evaluate.ladder_vae_baseline:
        if config.model.generator.ladder:
            raise ConfigError("evaluate.ladder_vae_baseline needs Gaussian layers: set model.generator.ladder to False")
        made["ladder_vae"] = make_vae(config, data_spec, ladder_vae, latent_dims=tuple(dims))
    return made
