"""Masses of Hamiltonian kernels: dense ones, and the moments of pooled draws that a mass is made of."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ebmjax import pytree
from ebmjax.types import Array, PyTree


class DenseMass(NamedTuple):
    """A dense mass M: M⁻¹ = L Lᵀ over all entries of one chain's position, leaf after leaf (`pytree.ravel_rows`).

    factor: L `[D, D]`, lower triangular, its diagonal > 0. Made by `dense_mass`.
    """

    factor: Array

    @property
    def inverse_mass(self) -> Array:
        """M⁻¹ `[D, D]`."""
        return self.factor @ self.factor.T


def dense_mass(inverse_mass: Array) -> DenseMass:
    """The mass whose inverse is `inverse_mass`, `[D, D]`, symmetric and positive definite: for `hmc`, best the
    covariance of the target.

    Raises:
        ValueError: it is not such a matrix, as far as its values are known.
    """
    if jnp.ndim(inverse_mass) != 2 or jnp.shape(inverse_mass)[0] != jnp.shape(inverse_mass)[1]:
        raise ValueError(f"dense_mass: expected a matrix [D, D], got shape {jnp.shape(inverse_mass)}")
    if isinstance(inverse_mass, Tracer):
        return DenseMass(jnp.linalg.cholesky(inverse_mass))
    matrix = np.asarray(inverse_mass, np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("dense_mass: the matrix is not finite")
    if not np.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-5 * np.max(np.abs(matrix))):
        raise ValueError("dense_mass: the matrix is not symmetric")
    try:
        return DenseMass(jnp.asarray(np.linalg.cholesky(matrix), float))
    except np.linalg.LinAlgError:
        raise ValueError("dense_mass: the matrix is not positive definite") from None


def mass_matrix(inverse_mass: float | PyTree | DenseMass, position: PyTree) -> Array:
    """M⁻¹ of one chain over the entries of its position, leaf after leaf: its diagonal `[D]`, or `[D, D]`.

    Raises:
        ValueError: chains have masses of their own, leaves `[B, ...]`.
    """
    if isinstance(inverse_mass, DenseMass):
        return inverse_mass.inverse_mass

    def of_all_chains(value, x):
        if jnp.ndim(value) == x.ndim and jnp.shape(value)[0] != 1:
            raise ValueError("inverse_mass must be the same for all chains, leaves [1, ...]")
        return jnp.broadcast_to(value, (1, *x.shape[1:]))

    one = jax.tree.map(of_all_chains, pytree.leafwise(inverse_mass, position), position)
    return pytree.ravel_rows(one)[0][0]


def times(factor: Array, tree: PyTree) -> PyTree:
    """L x for every row x of a pytree `[B, ...]`."""
    rows, unravel = pytree.ravel_rows(tree)
    return unravel(rows @ factor.T)


def times_transposed(factor: Array, tree: PyTree) -> PyTree:
    """Lᵀ x for every row x of a pytree `[B, ...]`."""
    rows, unravel = pytree.ravel_rows(tree)
    return unravel(rows @ factor)


def whitened(tree: PyTree, inverse_mass: float | PyTree | DenseMass) -> Array:
    """Rows `[B, D]` in the coordinates in which the mass is 1: x / √v, or L⁻¹ x."""
    if isinstance(inverse_mass, DenseMass):
        rows, _ = pytree.ravel_rows(tree)
        return jax.scipy.linalg.solve_triangular(inverse_mass.factor, rows.T, lower=True).T
    scaled = jax.tree.map(lambda x, v: x / jnp.sqrt(v), tree, pytree.leafwise(inverse_mass, tree))
    return pytree.ravel_rows(scaled)[0]


class PooledMoments(NamedTuple):
    """Of draws pooled over steps and chains: their number, mean `[1, D]`, and sum of squared deviations, `[1, D]` or,
    with all products, `[D, D]`."""

    count: Array
    mean: Array
    scatter: Array


def no_draws(position: PyTree, *, dense: bool = False) -> PooledMoments:
    """PooledMoments before the first draw."""
    rows = pytree.at_least_float32(pytree.ravel_rows(position)[0])
    dim, dtype = rows.shape[1], rows.dtype
    return PooledMoments(jnp.zeros((), dtype), jnp.zeros((1, dim), dtype), jnp.zeros((dim if dense else 1, dim), dtype))


def add_draws(moments: PooledMoments, position: PyTree, use: Array) -> PooledMoments:
    """PooledMoments with the rows of `position` `[B, ...]` where `use` `[B]`.

    Reference: Chan, Golub & LeVeque 1983 (Algorithms for computing the sample variance), updates by a batch.
    """
    rows, keep = pytree.ravel_rows(position)[0], use[:, None]
    count = moments.count + jnp.sum(use)
    off = jnp.where(keep, rows - moments.mean, 0.0)
    mean = moments.mean + jnp.sum(off, axis=0, keepdims=True) / jnp.maximum(count, 1)
    now = jnp.where(keep, rows - mean, 0.0)
    dense = moments.scatter.shape[0] > 1
    added = off.T @ now if dense else jnp.sum(off * now, axis=0, keepdims=True)
    return PooledMoments(count, mean, moments.scatter + added)


def estimated_mass(moments: PooledMoments, like: PyTree, *, dense: bool = False) -> PyTree | DenseMass:
    """The inverse mass for positions `like`: a pytree of variances, leaves `[1, ...]`, or the covariance.

    Shrunk towards 1e-3 as by 5 draws, (n v + 5e-3) / (n + 5): Stan Reference Manual, "Automatic parameter tuning".
    """
    shrunk = lambda scatter, one: (scatter + 5e-3 * one) / (moments.count + 5)
    if dense:
        return DenseMass(jnp.linalg.cholesky(shrunk(moments.scatter, jnp.eye(len(moments.scatter)))))
    variances = pytree.ravel_rows(like)[1](shrunk(moments.scatter, 1.0))
    return jax.tree.map(lambda v, x: v.astype(x.dtype), variances, like)
