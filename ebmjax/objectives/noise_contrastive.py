"""Noise-contrastive estimation: an energy and its log Z, learned by classifying data against noise of known density."""

import jax
import jax.numpy as jnp

from ebmjax.types import Array


def noise_contrastive_logit(energy: Array, log_normalizer: Array, log_noise: Array) -> Array:
    """r(x) = -E(x) - c - log q(x), the log odds that x is from exp(-E - c) rather than from the noise q: `[B]`.

    energy, log_noise: `[B]`, E and the *normalised* log q at the same x, in nats. log_normalizer: c, a scalar learned
    along with the energy; at the optimum it is log Z.
    """
    return -energy - log_normalizer - log_noise


def noise_contrastive(logit_data: Array, logit_noise: Array) -> tuple[Array, Array]:
    """(loss, accuracy) of the logistic classifier with log odds r: two scalars.

    loss = mean log(1 + exp(-r(x⁺))) + mean log(1 + exp(r(x⁻))) ≥ 0, which is 2 log 2 if model and noise agree. Data and
    noise have equal weight, whatever their numbers. accuracy: fraction classified correctly; r = 0 counts half.

    Args:
        logit_data, logit_noise: `[B]` and `[B']`, r at data and at noise.

    The model minimises it. A learned noise distribution (a flow) maximises it, with x⁻ reparameterised.

    Reference: Gutmann & Hyvärinen 2012 (Noise-contrastive estimation of unnormalized statistical models), ν = 1;
    Gao et al. 2020 (arXiv 1912.00589).
    """
    loss = jnp.mean(jax.nn.softplus(-logit_data)) + jnp.mean(jax.nn.softplus(logit_noise))
    hits = jnp.mean(jnp.heaviside(logit_data, 0.5)) + jnp.mean(jnp.heaviside(-logit_noise, 0.5))
    return loss, 0.5 * hits
