"""Mutual information of a latent vector z and its symbol y, from a batch."""

import jax
import jax.numpy as jnp

from ebmjax.types import Array


def mutual_information(logits: Array) -> Array:
    """H(y) - H(y | z) in nats of p(y | z) = softmax(logits), a scalar in [0, log K].

    logits: `[B, K]`, at draws of z; H(y) is the entropy of their mean softmax. 0 if logits are the same for all z,
    log K if every z determines its symbol and symbols are equally frequent. Frequencies in a batch are more uneven than
    p(y), so that the estimate is too low, by (K - 1) / 2B if every z determines its symbol, by less otherwise.

    Reference: Pang & Wu 2021 (arXiv 2108.11556), section 3.4, the information bottleneck.
    """
    log_probs = jax.nn.log_softmax(logits)
    log_mean = jax.nn.logsumexp(log_probs, axis=0) - jnp.log(len(logits))
    return -jnp.sum(jnp.exp(log_mean) * log_mean) + jnp.mean(jnp.sum(jnp.exp(log_probs) * log_probs, axis=1))
