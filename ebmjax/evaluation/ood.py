"""Out-of-distribution scores of a classifier that is also an energy.

Scores are larger for examples less like the training data, as in `evaluation.anomaly`; see `auroc` there.
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
    "grad_norm": "||∇E(x)||, large at atypical examples",
}
"""name -> description."""


def ood_scores(logits_fn: Callable[[Array], Array], x: Array) -> dict[str, Array]:
    """{name of `SCORES`: `[B]`} of x[B, ...], from class logits `[B, C]`.

    References: Hendrycks & Gimpel 2017 (arXiv 1610.02136) for the largest probability; Grathwohl et al. 2020 (arXiv
    1912.03263), section 5.3, for the others.
    """
    energy, grad = pytree.value_and_grad_rows(marginal_labels(logits_fn), x)
    max_prob = jnp.max(jax.nn.softmax(logits_fn(x)), axis=-1)
    return {"energy": energy, "max_prob": -max_prob, "grad_norm": jnp.sqrt(pytree.square_norm_rows(grad))}


def between(x: Array) -> Array:
    """Means of neighbouring rows `[N, ...]` (the last row's neighbour is the first): unlike the data, but near them."""
    return 0.5 * (x + jnp.roll(x, 1, axis=0))
