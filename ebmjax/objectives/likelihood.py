"""Gaussian and categorical observation models, and averages of weights."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array


def squared_error(x: Array, mean: Array) -> Array:
    """||x - mean||² summed over everything but the first axis: `[B, ...]`, `[B, ...]` -> `[B]`."""
    return jnp.sum(jnp.square(x - mean).reshape(x.shape[0], -1), axis=1)


def gaussian_log_prob(x: Array, mean: Array, sigma: float) -> Array:
    """log N(x; mean, sigma² I) in nats, summed over everything but the first axis: `[B]`. sigma > 0."""
    dim = int(np.prod(x.shape[1:]))
    return -squared_error(x, mean) / (2 * sigma**2) - dim * (jnp.log(sigma) + 0.5 * np.log(2 * np.pi))


def sequence_log_prob(logits: Array, tokens: Array, mask: Array) -> Array:
    """Sum over the positions where `mask` is true of log softmax(logits)[token], in nats: `[B]`.

    logits: `[B, L, V]`. tokens: int `[B, L]` in [0, V). mask: bool `[B, L]`.
    """
    log_probs = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0] - jax.nn.logsumexp(logits, axis=-1)
    return jnp.sum(jnp.where(mask, log_probs, 0.0), axis=1)


def log_mean_exp(log_weights: Array, axis: int = 0) -> Array:
    """log of the average of exp(log_weights) over `axis`, without overflow."""
    return jax.nn.logsumexp(log_weights, axis=axis) - np.log(log_weights.shape[axis])
