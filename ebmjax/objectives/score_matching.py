"""Score matching: learning an energy from data by its gradient, without samples and without log Z.

The score of exp(-E) is -∇E. Noise and directions are arguments. For a temperature T pass `energies.temper(E, T)`.
"""

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.types import Array, Potential, PyTree


def denoising_score_matching(potential: Potential, x: PyTree, noise: PyTree, sigma: float | Array) -> Array:
    """mean ||-∇E(x + σ ε) + ε / σ||² / 2: a scalar.

    Its minimum is the score of the *smoothed* data p * N(0, σ² I). For data N(0, s²) the best score is
    -x / (s² + σ²), and the loss there is s² / (2 σ² (s² + σ²)) per dimension.

    Args:
        x: data, pytree of `[B, ...]`. noise: ε, N(0, 1) draws like x. sigma: > 0, a scalar.

    Reference: Vincent 2011 (A connection between score matching and denoising autoencoders).
    """
    noisy = jax.tree.map(lambda a, e: a + sigma * e, x, noise)
    _, grad = pytree.value_and_grad_rows(potential, noisy)
    return 0.5 * jnp.mean(pytree.square_norm_rows(jax.tree.map(lambda g, e: e / sigma - g, grad, noise)))


def sliced_score_matching(potential: Potential, x: PyTree, direction: PyTree) -> Array:
    """mean of -vᵀ ∇²E(x) v + ||∇E(x)||² / 2, an unbiased estimate of Hyvärinen's objective: a scalar.

    The trace of the Hessian is estimated by vᵀ ∇²E v (Hutchinson), unbiased for any v of mean 0 and unit covariance;
    the squared norm is exact.

    Args:
        x: data, pytree of `[B, ...]`. direction: v like x, N(0, 1) or ±1 draws (±1 have less variance).

    Reference: Song et al. 2019 (arXiv 1905.07088), the variance-reduced form; Hyvärinen 2005.
    """
    gradient = lambda y: pytree.value_and_grad_rows(potential, y)[1]
    grad, hessian_v = jax.jvp(gradient, (x,), (direction,))
    curvature = pytree.sum_rows(jax.tree.map(jnp.multiply, direction, hessian_v))
    return jnp.mean(0.5 * pytree.square_norm_rows(grad) - curvature)
