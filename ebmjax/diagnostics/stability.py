"""Stability of Langevin steps: the step size compared with the curvature of the energy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.types import Array, Potential, PyTree


def stability_index(
    potential: Potential,
    x: PyTree,
    rng_key: Array,
    *,
    step_size: float | Array | PyTree,
    temperature: float | Array = 1.0,
    num_iterations: int = 30,
) -> Array:
    """s² λ_max / (2T) of each row, λ_max the largest eigenvalue of the energy's Hessian there: `[B]`.

    A Langevin step contracts a quadratic of curvature λ by 1 - s² λ / (2T): with an index above 1 it oscillates, from
    2 on the chain diverges. Negative where the energy is concave in every direction. With s = 1 and T = 1/2 the index
    is λ_max itself.

    Args:
        potential: x -> energy[B], twice differentiable, rows independent.
        x: pytree of `[B, ...]`, the points.
        rng_key: typed key of the starting directions.
        step_size: s, a scalar or a pytree like x (then λ_max of S · Hessian · S).
        temperature: T > 0.
        num_iterations: m of `largest_eigenvalue`, the number of Hessian-vector products. The result approaches λ_max
            from below, whatever the signs of the other eigenvalues; the error is a share of λ_max - λ_min. Measured
            with m = 30 and 1,000 rows in float32, the least result: .989 λ_max for eigenvalues spread evenly over
            [-1, 1] in 64 and in 1,024 dimensions, .94 for [-10, 1] in 1,024; to rounding in up to 30 dimensions.
    """
    scale = pytree.leafwise(step_size, x)
    _, hessian = jax.linearize(lambda y: pytree.value_and_grad_rows(potential, y)[1], x)
    times = lambda v: jax.tree.map(lambda a, s: (a * s).astype(a.dtype), v, scale)
    product = lambda v: times(hessian(times(v)))
    return largest_eigenvalue(product, pytree.normal_like(rng_key, x), num_iterations) / (2 * temperature)


def largest_eigenvalue(product: Callable[[PyTree], PyTree], v: PyTree, num_iterations: int) -> Array:
    """Largest eigenvalue `[B]` of symmetric matrices A, by m = `num_iterations` products v -> A v; each row has its A.

    Lanczos: in the basis that A v_i = β_{i-1} v_{i-1} + α_i v_i + β_i v_{i+1} builds from v, A is tridiagonal, and the
    largest eigenvalue of that m x m matrix is the largest Rayleigh quotient over v, A v, ... A^(m-1) v. Unlike power
    iteration it tells the two ends of the spectrum apart. The basis is not kept: rounding then repeats eigenvalues, but
    does not move the largest. v: starting directions, not orthogonal to the eigenvector sought; normal draws are not.

    Golub & Van Loan 2013 (Matrix Computations, 4th ed.), algorithm 10.1.1; rounding: Section 10.3.
    """

    def normalise(v):
        norm = jnp.sqrt(pytree.square_norm_rows(v))
        return norm, jax.tree.map(lambda a: a / pytree.per_row(jnp.where(norm > 0, norm, 1.0), a), v)

    def step(carry, _):
        before, beta, v = carry
        w = product(v)
        alpha = pytree.sum_rows(jax.tree.map(jnp.multiply, v, w))
        remove = lambda w, v, u: w - pytree.per_row(alpha, w) * v - pytree.per_row(beta, w) * u
        beta, after = normalise(jax.tree.map(remove, w, v, before))
        return (v, beta, after), (alpha, beta)

    _, v = normalise(v)
    start = (jax.tree.map(jnp.zeros_like, v), jnp.zeros_like(pytree.square_norm_rows(v)), v)
    _, (alpha, beta) = jax.lax.scan(step, start, length=num_iterations)
    return jnp.linalg.eigvalsh(tridiagonal(alpha.T, beta.T))[:, -1]


def tridiagonal(alpha: Array, beta: Array) -> Array:
    """The matrices `[B, m, m]` of Lanczos with α and β `[B, m]`; the last β is of the step that was not made."""
    dtype = jnp.promote_types(alpha.dtype, jnp.float32)
    alpha, beta = alpha.astype(dtype), beta.astype(dtype)
    # A β of 0, up to rounding, completes the basis. What follows must not add eigenvalues: α_0 is within the spectrum.
    last = beta <= jnp.finfo(dtype).eps * jax.lax.cummax(jnp.maximum(jnp.abs(alpha), beta), axis=1)
    num_last = jnp.cumsum(last, axis=1)
    alpha = jnp.where(num_last > last, alpha[:, :1], alpha)
    upper = jnp.where(num_last > 0, 0.0, beta)[:, :, None] * jnp.eye(beta.shape[1], k=1, dtype=dtype)
    diagonal = alpha[:, :, None] * jnp.eye(beta.shape[1], dtype=dtype)
    return diagonal + upper + jnp.swapaxes(upper, 1, 2)
