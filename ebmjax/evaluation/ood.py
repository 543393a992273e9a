"""Scores of an energy that is a classifier, by which examples of other data are to be told from its own.

A score is larger for what is more foreign, as in `evaluation.anomaly`, whose `auroc` takes them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.energies import marginal_labels
from ebmjax.types import Array

SCORES = {
    "energy": "E(x) = -log Σ exp logits, minus log p(x) up to a constant",
    "max_prob": "minus the largest p(y | x)",
    "grad_norm": "||∇E(x)||, large where the density is thin or typical examples are few",
}
"""name -> what it is."""


def ood_scores(logits_fn: Callable[[Array], Array], x: Array) -> dict[str, Array]:
    """{name of `SCORES`: `[B]`} of x[B, ...], from class logits `[B, C]`.

    References: Hendrycks & Gimpel 2017 (arXiv 1610.02136) for the largest probability; Grathwohl et al. 2020 (arXiv
    1912.03263), section 5.3, for the others.
    """
    energy, grad = pytree.value_and_grad_rows(marginal_labels(logits_fn), x)
    max_prob = jnp.max(jax.nn.softmax(logits_fn(x)), axis=-1)
    return {"energy": energy, "max_prob": -max_prob, "grad_norm": jnp.sqrt(pytree.square_norm_rows(grad))}


def between(x: Array) -> Array:
    """Means of neighbouring rows `[N, ...]`, the last one's neighbour being the first: foreign, but near the data."""
    return 0.5 * (x + jnp.roll(x, 1, axis=0))
