"""Adversarially learned inference, ALI: Dumoulin et al., ICLR 2017 (arXiv 1606.00704); and ALICE: Li et al., NeurIPS
2017 (arXiv 1709.01215). Opponents in the divergence triangle's paper (arXiv 1812.10907).

    discriminator: maximise  E_Q[log σ(d)] + E_P[log σ(-d)],   d(x, z) the log-odds that a pair is of Q
    generator and encoder: maximise  E_P[log σ(d)] + E_Q[log σ(-d)]  -  weight · E_Q[||x - g(z)||²] / (2σ²)

Q and P as in `encoded`. Generator and encoder have the loss with the labels swapped, since the original vanishes where
the discriminator is sure. ALICE is weight = 1: the squared error bounds the conditional entropy of x given z, which ALI
leaves free, so that its reconstructions need not resemble x.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.methods.base import step_key
from ebmjax.methods.encoded import (
    Model,
    Pass,
    common_functions,
    encode_batch,
    encoded_metrics,
    evaluate,
    init_state,
    make_model,
    observed,
    sample,
    take_turns,
)
from ebmjax.types import Array, Batch, Method, Metrics, State


def log_odds(
    model: Model, x: Array, mask: Array | None, rng_key: Array, nets: Pass
) -> tuple[Array, Array, Array, Metrics]:
    """(d at pairs of Q, d at pairs of P, squared errors at Q, `[B]` each; metrics)."""
    q_key, z_key = jax.random.split(rng_key)
    shape = (len(x), model.latent_dim)
    encoded = encode_batch(nets, x, mask, jax.random.normal(q_key, shape))
    z = jax.random.normal(z_key, shape)
    generated = nets("generator", z)
    of_data, of_samples = nets("energy", x, encoded.z), nets("energy", generated, z)
    metrics = encoded_metrics(encoded, x, mask) | {
        "accuracy": 0.5 * (jnp.mean(of_data > 0) + jnp.mean(of_samples < 0)),
        "sample_spread": pytree.spread(generated),
    }
    return of_data, of_samples, encoded.error, metrics


def discriminator_value(model: Model, x, mask, rng_key, nets: Pass) -> tuple[Array, Metrics]:
    """(what the discriminator maximises, metrics)."""
    of_data, of_samples, _, metrics = log_odds(model, x, mask, rng_key, nets)
    return jnp.mean(jax.nn.log_sigmoid(of_data)) + jnp.mean(jax.nn.log_sigmoid(-of_samples)), metrics


def generator_loss(model: Model, weight: float, x, mask, rng_key, nets: Pass) -> tuple[Array, Metrics]:
    """(what generator and encoder minimise, metrics)."""
    of_data, of_samples, error, metrics = log_odds(model, x, mask, rng_key, nets)
    swapped = jnp.mean(jax.nn.log_sigmoid(of_samples)) + jnp.mean(jax.nn.log_sigmoid(-of_data))
    return weight * jnp.mean(error) / (2 * model.sigma**2) - swapped, metrics


def train_step(model: Model, weight: float, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the discriminator, then of the encoder, then of the generator, with the same noise."""
    x, mask = observed(model, state, batch)
    drawn = x, mask, step_key(state)
    value = lambda nets: discriminator_value(model, *drawn, nets)
    loss = lambda nets: generator_loss(model, weight, *drawn, nets)
    middle, first = take_turns(model, value, ("energy",), optimizers, state)
    last, later = take_turns(model, loss, ("encoder", "generator"), optimizers, middle)
    return last._replace(step=state.step + 1), later | first


def ali(
    discriminator,
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    weight: float = 0.0,
    fill_steps: int = 2,
) -> Method:
    """Build the method.

    Args:
        discriminator: Flax module (x[B, ...], z[B, latent_dim]) -> d[B]; its parameter group is "energy", and -d is
            used as an energy nowhere.
        weight: ≥ 0, of the squared error: 0 for ALI, 1 for ALICE. Other arguments as of `vae`.

    Parameter groups: "energy", "generator", "encoder". functions: those of `vae`. Metrics: accuracy of the
    discriminator, reconstruction_mse, kl, latent_spread, sample_spread, grad_norm_<group>. Raises ValueError for
    settings out of range, `init` for networks that do not fit.
    """
    if weight < 0:
        raise ValueError(f"weight = {weight}, of the squared error, must be at least 0")
    nets = {"energy": discriminator, "generator": generator, "encoder": encoder}
    model = make_model(nets, latent_dim=latent_dim, sigma=sigma, fill_steps=fill_steps)
    init = partial(init_state, model, optimizers, joint=True)
    step = partial(train_step, model, weight, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model), common_functions(model))
