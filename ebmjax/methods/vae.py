"""Variational auto-encoder (Kingma & Welling 2014, arXiv 1312.6114), trained like the methods compared with it.

    minimise  KL(Q || P) = E[||x - g(z)||² / (2σ²) + KL(q(z | x) || N(0, I))] + a constant

The encoder is updated before the generator. Of incomplete examples only the observed entries count (`encoded`).
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax.methods.base import step_key
from ebmjax.methods.encoded import (
    KLWeight,
    Model,
    Pass,
    common_functions,
    encode_batch,
    encoded_metrics,
    evaluate,
    init_state,
    kl_weight_at,
    make_model,
    observed,
    sample,
    take_turns,
)
from ebmjax.types import Array, Batch, Method, Metrics, State


def objective(
    model: Model, kl_weight: Array | float, x: Array, mask: Array | None, rng_key: Array, nets: Pass
) -> tuple[Array, Metrics]:
    """(negative evidence lower bound in nats without its constants, metrics)."""
    noise = jax.random.normal(rng_key, (len(x), model.latent_dim))
    encoded = encode_batch(nets, x, mask, noise)
    loss = jnp.mean(encoded.error) / (2 * model.sigma**2) + kl_weight * jnp.mean(encoded.kl)
    return loss, encoded_metrics(encoded, x, mask)


def train_step(
    model: Model, kl_weight: KLWeight, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """One update of the encoder, then one of the generator with the same noise."""
    x, mask = observed(model, state, batch)
    loss = partial(objective, model, kl_weight_at(kl_weight, state.step), x, mask, step_key(state))
    return take_turns(model, loss, ("encoder", "generator"), optimizers, state)


def vae(
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    kl_weight: KLWeight = 1.0,
    fill_steps: int = 2,
) -> Method:
    """Build the method.

    Args:
        generator: Flax module z[B, latent_dim] -> x[B, ...], in the range of the data ([-1, 1] for images).
        encoder: Flax module x[B, ...] -> (mean, log_variance), `[B, latent_dim]` each. Both may have stateful layers.
        optimizers: {"generator": ..., "encoder": ...}.
        sigma: > 0, standard deviation of the observation noise in units of x.
        kl_weight: ≥ 0, of the KL; 1 gives the evidence lower bound. Or a function of the step.
        fill_steps: ≥ 1, of incomplete examples, see `encoded.fill`.

    Parameter groups: "generator", "encoder". functions: posterior, encode, decode, reconstruct, inpaint, sample_latent,
    interpolate, log_likelihood. Raises ValueError for settings out of range, `init` for networks that do not fit.
    """
    model = make_model(
        {"generator": generator, "encoder": encoder}, latent_dim=latent_dim, sigma=sigma, fill_steps=fill_steps
    )
    init = partial(init_state, model, optimizers)
    step = partial(train_step, model, kl_weight, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model), common_functions(model))
