"""Entropy of a distribution from draws, by distances to nearest neighbours."""

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln

from ebmjax.types import Array

NORMS = ("l1", "l2")


def knn_entropy(
    x: Array, *, k: int = 1, norm: str = "l2", dim: int | None = None, chunk: int | None = None, floor: float = 1e-8
) -> Array:
    """Kozachenko-Leonenko estimate of the differential entropy in nats, a scalar.

        ψ(N) - ψ(k) + log c + d · mean log ε_i,   ε_i: distance of draw i to its k-th nearest other draw

    with c the volume of the unit ball, 2^d / d! (L1) or π^(d/2) / Γ(d/2 + 1) (L2). Scaling x by a adds d log a. It is
    consistent in N. For a few draws in many dimensions its value is biased, but spreading the draws still raises it.
    The gradient passes through the distances, not through the choice of neighbours.

    Args:
        x: draws `[N, D]`, N > k ≥ 1, the number of neighbours.
        dim: d, the dimension of the surface on which the draws lie; default D.
        chunk: rows whose distances are computed at a time, so that memory is chunk · N numbers; None: all N.
        floor: added to the distances, so that equal draws have a finite entropy and gradient.

    Raises ValueError for too few draws and for another norm.

    Reference: Kozachenko & Leonenko 1987; Kraskov et al. 2004 (arXiv cond-mat/0305641), eq. (20).
    """
    if x.ndim != 2 or not 1 <= k < x.shape[0]:
        raise ValueError(f"knn_entropy: expected x[N, D] with N > k = {k} ≥ 1, got shape {x.shape}")
    dim = x.shape[1] if dim is None else dim
    partner = x[nearest_neighbours(jax.lax.stop_gradient(x), k=k, norm=norm, chunk=chunk)]
    log_distance = jnp.log(_distance(x - partner, norm, floor) + floor)
    return digamma(float(x.shape[0])) - digamma(float(k)) + log_ball(dim, norm) + dim * jnp.mean(log_distance)


def nearest_neighbours(x: Array, *, k: int = 1, norm: str = "l2", chunk: int | None = None) -> Array:
    """Index of the k-th nearest other row, for every row of x`[N, D]`: int32 `[N]`. Arguments as in `knn_entropy`."""
    if norm not in NORMS:
        raise ValueError(f"unknown norm {norm!r}; known: {', '.join(NORMS)}")
    rows = jnp.arange(x.shape[0])

    def neighbour(i):
        difference = x - x[i]
        size = jnp.abs(difference) if norm == "l1" else jnp.square(difference)
        distance = jnp.where(rows == i, jnp.inf, jnp.sum(size, axis=1))
        return jnp.argmin(distance) if k == 1 else jax.lax.top_k(-distance, k)[1][-1]

    found = jax.vmap(neighbour)(rows) if chunk is None else jax.lax.map(neighbour, rows, batch_size=chunk)
    return found.astype(jnp.int32)


def log_ball(dim: int, norm: str) -> Array:
    """log volume of the unit ball in `dim` dimensions."""
    if norm == "l1":
        return dim * jnp.log(2.0) - gammaln(dim + 1.0)
    return 0.5 * dim * jnp.log(jnp.pi) - gammaln(0.5 * dim + 1.0)


def _distance(difference: Array, norm: str, floor: float) -> Array:
    """Length of each row `[N]`; the gradient at a row of zeros is 0 instead of NaN."""
    if norm == "l1":
        return jnp.sum(jnp.abs(difference), axis=1)
    return jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(difference), axis=1), floor**2))
