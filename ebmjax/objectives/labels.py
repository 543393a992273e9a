"""Loss terms in class logits, which also define the energy of p(x, y) ∝ exp(logits[y])."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.types import Array, Metrics


class LabelWeights(NamedTuple):
    """Weights of the label terms added to an energy's loss, each ≥ 0.

    cross_entropy: of labelled examples. entropy: mean entropy of p(y | x) at all examples, labelled or not.
    """

    cross_entropy: float
    entropy: float = 0.0


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean of -log p(y | x) in nats, a scalar: logits`[B, C]`, labels int `[B]`."""
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probs, labels[:, None], axis=1))


def label_entropy(logits: Array) -> Array:
    """Mean entropy of p(y | x) in nats, a scalar in [0, log C]: small for confident predictions."""
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.sum(jnp.exp(log_probs) * log_probs, axis=1))


def label_terms(
    weights: LabelWeights, logits_fn: Callable[[Array], Array], x: Array, labelled: tuple[Array, Array]
) -> tuple[Array, Metrics]:
    """(weighted sum, metrics): cross_entropy and accuracy at the labelled (x, labels), label_entropy at x `[B, ...]`.

    The entropy is left out if its weight is 0.
    """
    logits, labels = logits_fn(labelled[0]), labelled[1]
    metrics = {"cross_entropy": cross_entropy(logits, labels), "accuracy": jnp.mean(jnp.argmax(logits, 1) == labels)}
    value = weights.cross_entropy * metrics["cross_entropy"]
    if weights.entropy:
        metrics["label_entropy"] = label_entropy(logits_fn(x))
        value += weights.entropy * metrics["label_entropy"]
    return value, metrics
