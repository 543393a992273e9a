"""Ladder variational auto-encoder: Sønderby, Raiko, Maaløe, Sønderby & Winther 2016 (arXiv 1602.02282).

    z_L ~ N(0, I),   z_l = μ_l + σ_l ε_l given the layers above,   x = g(z) + σ e
    q(z_L | x) = N(m_L(x), v_L(x)),   q(z_l | layers above, x) ∝ N(z_l; μ_l, σ_l²) N(z_l; m_l(x), v_l(x))

A generator of several layers is learned with inference from the top down: the encoder's Gaussian of a layer is combined
with the generator's by their precisions (section 2). Everything is in coordinates ε_l, which are N(0, I) a priori:
there the encoder's Gaussian is N((m_l - μ_l) / σ_l, v_l / σ_l²), and the generator's N(0, I).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.importance import WeightedMean, average_weights
from ebmjax.methods.base import likelihood_functions, step_key
from ebmjax.methods.encoded import (
    KLWeight,
    Model,
    decode,
    init_state,
    interpolate,
    kl_weight_at,
    make_model,
    sample,
    sample_latent,
    take_turns,
)
from ebmjax.nets.multilayer import split_layers
from ebmjax.objectives import diagonal_log_prob, gaussian_log_prob, kl_to_normal, squared_error
from ebmjax.types import Array, Batch, Method, Metrics, PyTree, State


class Inferred(NamedTuple):
    """x under q: its decoding; z (the ε of all layers, z1 first) and q's mean and log-variance of z, `[B, Σ d]`."""

    decoded: Array
    z: Array
    mean: Array
    log_variance: Array


def combined(mean: Array, log_variance: Array) -> tuple[Array, Array]:
    """(mean, log-variance) of N(mean, v) N(0, 1) normalised: mean / (1 + v) and v / (1 + v)."""
    return mean * jax.nn.sigmoid(-log_variance), jax.nn.log_sigmoid(log_variance)


def infer(apply: Callable, dims: tuple[int, ...], x: Array, noise: Array) -> Inferred:
    """From the top down, ε_l = mean + √variance · noise_l of q given the layers above.

    apply: (group, *inputs) -> outputs of a network. noise `[B, Σ d]` of N(0, I); zeros for the means.
    """
    means, log_variances = (split_layers(part, dims) for part in apply("encoder", x))
    top, found = f"z{len(dims)}", {}

    def layer(name: str, noise: Array, prior_mean: Array, prior_scale: Array) -> Array:
        mean = (means[name] - prior_mean) / prior_scale
        log_variance = log_variances[name] - 2 * jnp.log(prior_scale)
        if name != top:
            mean, log_variance = combined(mean, log_variance)
        z = mean + jnp.exp(0.5 * log_variance) * noise
        found[name] = z, mean, log_variance
        return z

    decoded = apply("generator", noise, layer)
    in_order = (jnp.concatenate(parts, axis=1) for parts in zip(*(found[f"z{i + 1}"] for i in range(len(dims)))))
    return Inferred(decoded, *in_order)


def objective(
    model: Model, dims: tuple[int, ...], kl_weight: Array | float, x: Array, noise: Array, nets: Callable
) -> tuple[Array, Metrics]:
    """(negative evidence lower bound in nats without its constants, metrics)."""
    found = infer(nets, dims, x, noise)
    error, kl = squared_error(x, found.decoded), kl_to_normal(found.mean, found.log_variance)
    loss = jnp.mean(error) / (2 * model.sigma**2) + kl_weight * jnp.mean(kl)
    metrics = {"reconstruction_mse": jnp.mean(error) / x[0].size, "kl": jnp.mean(kl)}
    return loss, metrics | {"latent_spread": pytree.spread(found.z)}


def train_step(
    model: Model, dims: tuple[int, ...], kl_weight: KLWeight, optimizers: Mapping, state: State, batch: Batch
) -> tuple[State, Metrics]:
    """One update of the encoder, then one of the generator with the same noise, as in `vae`."""
    x = batch["x"]
    noise = jax.random.normal(step_key(state), (len(x), model.latent_dim))
    loss = partial(objective, model, dims, kl_weight_at(kl_weight, state.step), x, noise)
    return take_turns(model, loss, ("encoder", "generator"), optimizers, state)


def infer_by(model: Model, dims: tuple[int, ...], state: State, x: Array, noise: Array) -> Inferred:
    """`infer` by the networks of a state."""
    return infer(lambda group, *inputs: model.apply(group, state, *inputs), dims, x, noise)


def encode(model: Model, dims: tuple[int, ...], state: State, rng_key: Array, x: Array) -> Array:
    """z with each layer at the mean of q given the means above, no draw: `[B, ...]` -> `[B, Σ d]`."""
    return infer_by(model, dims, state, x, jnp.zeros((len(x), model.latent_dim))).z


def reconstruct(model: Model, dims: tuple[int, ...], state: State, rng_key: Array, x: Array) -> Array:
    """g(z from `encode`): `[B, ...]` -> `[B, ...]`."""
    return decode(model, state, encode(model, dims, state, rng_key, x))


def log_likelihood_estimate(
    model: Model, dims: tuple[int, ...], state: State, rng_key: Array, x: Array, *, num_samples: int = 100
) -> WeightedMean:
    """log p(x) in nats by importance sampling with q(z | x) as proposal, a lower bound in expectation: `[B]`."""

    def log_weight(key):
        found = infer_by(model, dims, state, x, jax.random.normal(key, (len(x), model.latent_dim)))
        log_p_z = diagonal_log_prob(found.z, 0.0 * found.z, 0.0 * found.z)
        log_q = diagonal_log_prob(found.z, found.mean, found.log_variance)
        return gaussian_log_prob(x, found.decoded, model.sigma) + log_p_z - log_q

    return average_weights(jax.lax.map(log_weight, jax.random.split(rng_key, num_samples)))


def evaluate(model: Model, dims: tuple[int, ...], state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{"reconstruction_mse": `[B]`} per entry of x, through `reconstruct`."""
    x = batch["x"]
    return {"reconstruction_mse": squared_error(reconstruct(model, dims, state, rng_key, x), x) / x[0].size}


def ladder_vae(
    generator,
    encoder,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dims: tuple[int, ...],
    kl_weight: KLWeight = 1.0,
) -> Method:
    """Build the method.

    Args:
        generator: Flax module (z[B, Σ latent_dims], infer) -> x[B, ...], `nets.FlatLatents` of a generator whose layers
            are Gaussians.
        encoder: Flax module x[B, ...] -> (mean, log_variance) of z_1 ... z_L, `[B, Σ latent_dims]` each
            (`nets.LayeredEncoder`).
        optimizers: {"generator": ..., "encoder": ...}.
        sigma: > 0, standard deviation of the observation noise in units of x.
        latent_dims: of z1 (next to the data), z2, ...
        kl_weight: ≥ 0, or a function of the step; the paper raises it from 0 to 1 in the first part of the training.

    Parameter groups: "generator", "encoder". functions: encode, decode, reconstruct, sample_latent, interpolate,
    log_likelihood. Raises ValueError for settings out of range, `init` for networks that do not fit.
    """
    nets: PyTree = {"generator": generator, "encoder": encoder}
    model = make_model(nets, latent_dim=sum(latent_dims), sigma=sigma, fill_steps=1)
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in (decode, sample_latent, interpolate)}
    functions |= {f.__name__: partial(f, model, latent_dims) for f in (encode, reconstruct)}
    functions |= likelihood_functions(partial(log_likelihood_estimate, model, latent_dims))
    init = partial(init_state, model, optimizers)
    step = partial(train_step, model, latent_dims, kl_weight, optimizers)
    return Method(init, step, partial(sample, model), partial(evaluate, model, latent_dims), functions)
