"""Diagonal Gaussians q(z | x) = N(mean, exp(log_variance)) of an inference network: draws, a KL with free bits, and
weights of the KL that grow during training."""

import jax
import jax.numpy as jnp

from ebmjax.types import Array


def draw_diagonal(rng_key: Array, mean: Array, log_variance: Array) -> Array:
    """z ~ N(mean, exp(log_variance)), differentiable in both: `[B, d]`."""
    return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(rng_key, mean.shape)


def masked_kl(mean: Array, log_variance: Array, free_nats: float = 0.0) -> Array:
    """KL(q || N(0, I)) in nats, summed over the dimensions of each row whose KL exceeds `free_nats`: `[B]`.

    Other dimensions have no gradient: they are not penalised. With 0 all dimensions count.

    Reference: Li et al. 2019 (arXiv 1909.00868), after Kingma et al. 2016; used by Pang & Wu 2021 (arXiv 2108.11556).
    """
    kl = 0.5 * (jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance)
    return jnp.sum(jnp.where(kl > free_nats, kl, 0.0), axis=1)


def cyclical_weight(step, num_steps: int, *, cycles: int, zero: float, ramp: float, largest: float) -> Array:
    """A weight that is 0 for the fraction `zero` of each of `cycles` equal parts of `num_steps`, rises linearly for the
    fraction `ramp`, and stays at `largest` for the rest, and after `num_steps`.

    step: int scalar, may be traced. zero + ramp ≤ 1. Reference: Fu et al. 2019 (arXiv 1903.10145).
    """
    place = jnp.minimum(step / num_steps, 1.0 - 1e-6) * cycles % 1.0
    return largest * jnp.clip((place - zero) / max(ramp, 1e-6), 0.0, 1.0)


def linear_weight(step, num_steps: float, *, first: float = 0.1) -> Array:
    """A weight that rises linearly from `first` at step 0 to 1 at `num_steps` ≥ 0, and stays there.

    step: int scalar, may be traced.
    """
    return first + (1.0 - first) * jnp.clip(step / max(num_steps, 1e-6), 0.0, 1.0)
