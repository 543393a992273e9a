"""Bounds of the entropy of x = g(z) + σ ε, z ~ N(0, I), ε ~ N(0, I), from draws."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation.batching import map_batches
from ebmjax.types import Array


def entropy_bounds(x, own, means, sigma: float, batch_size: int = 50) -> tuple[float, float]:
    """(lower, upper) bound of the entropy of q(x) = E_z[N(x; g(z), σ² I)] in nats, each up to its sampling error.

    log q(x) is estimated by the mean of N(x; m, σ² I) over M fresh m = g(z). Its logarithm is too small on average, so
    that minus it bounds the entropy from above; with the g(z) that made x among the m it is too large. The bounds meet
    as M grows; for few M, or a narrow σ, they are far apart.

    Args:
        x: draws of q, `[N, D]`. own: the g(z) that made each, `[N, D]`. means: M other g(z), `[M, D]`. sigma: > 0.
        batch_size: rows of x at a time, each against all M.

    Reference: Yin & Zhou 2018 (arXiv 1805.11183), for the bound with the own z.
    """
    x, own, means = (np.asarray(a, np.float32) for a in (x, own, means))
    if x.ndim != 2 or x.shape != own.shape or x.shape[1] != means.shape[1]:
        raise ValueError(f"entropy_bounds: expected x[N, D], own[N, D], means[M, D]: {x.shape, own.shape, means.shape}")
    others, itself = map_batches(partial(_log_kernels, jnp.asarray(means), sigma), (x, own), batch_size)
    num, scale = len(means), x.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))
    upper = scale - np.mean(others - np.log(num))
    lower = scale - np.mean(np.logaddexp(others, itself) - np.log(num + 1))
    return float(lower), float(upper)


@jax.jit
def _log_kernels(means: Array, sigma: float, rows: tuple[Array, Array]) -> tuple[Array, Array]:
    """(log Σ_m exp(-||x - m||² / 2σ²), the exponent of its own m), each `[B]`."""
    x, own = rows
    # By differences, not by a product of matrices: at σ = .01 rounding would swamp the distances.
    square = sum((x[:, i, None] - means[:, i]) ** 2 for i in range(x.shape[1]))
    return jax.nn.logsumexp(-0.5 * square / sigma**2, axis=1), -0.5 * jnp.sum((x - own) ** 2, axis=1) / sigma**2
