"""What a vector says of its symbol: the mutual information of z and y in a batch."""

import jax
import jax.numpy as jnp

from ebmjax.types import Array


def mutual_information(logits: Array) -> Array:
    """H(y) - H(y | z) in nats of p(y | z) = softmax(logits), a scalar in [0, log K].

    logits: `[B, K]`, of z drawn from what stands for p(z); H(y) is the entropy of their mean softmax. 0 where logits
    are the same for all z, log K where every z is sure of its symbol and each symbol has as many. A batch is more
    uneven than p(y): the estimate is too low, by (K - 1) / 2B where every z is sure of its symbol, by less elsewhere.

    Reference: Pang & Wu 2021 (arXiv 2108.11556), section 3.4, the information bottleneck.
    """
    log_probs = jax.nn.log_softmax(logits)
    log_mean = jax.nn.logsumexp(log_probs, axis=0) - jnp.log(len(logits))
    return -jnp.sum(jnp.exp(log_mean) * log_mean) + jnp.mean(jnp.sum(jnp.exp(log_probs) * log_probs, axis=1))
