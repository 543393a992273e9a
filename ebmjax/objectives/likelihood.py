"""Gaussian observation models and averages of weights."""

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


def log_mean_exp(log_weights: Array, axis: int = 0) -> Array:
    """log of the average of exp(log_weights) over `axis`, without overflow."""
    return jax.nn.logsumexp(log_weights, axis=axis) - np.log(log_weights.shape[axis])
