"""Probabilistic PCA: a linear generator x = W z + b + σ ε whose law, entropy and entropy gradient are known."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array


class LinearGenerator(NamedTuple):
    """x = W z + b + σ ε, z ~ N(0, I_d), ε ~ N(0, I_D): N(b, C), C = W Wᵀ + σ² I.

    weights: W `[D, d]`. offset: b `[D]`. sigma: > 0.
    """

    weights: Array
    offset: Array
    sigma: Array

    def decode(self, z: Array) -> Array:
        """W z + b: `[B, d]` -> `[B, D]`."""
        return z @ self.weights.T + self.offset

    def score(self, x: Array) -> Array:
        """c(x) = -∇ log q(x) = C⁻¹ (x - b): `[B, D]` -> `[B, D]`."""
        return jnp.linalg.solve(self._covariance(), (x - self.offset).T).T

    def entropy_gradient(self) -> tuple[Array, Array]:
        """(∂H/∂W = C⁻¹ W `[D, d]`, ∂H/∂σ = σ tr C⁻¹) of the entropy H = log det(2πe C) / 2."""
        inverse = jnp.linalg.inv(self._covariance())
        return inverse @ self.weights, self.sigma * jnp.trace(inverse)

    def _covariance(self) -> Array:
        return self.weights @ self.weights.T + self.sigma**2 * jnp.eye(len(self.weights))


def fit_ppca(x, latent_dim: int) -> LinearGenerator:
    """The linear generator of greatest likelihood for x`[N, ...]`, flattened; deterministic.

    σ² is the mean of the covariance's D - d smallest eigenvalues λ, and W has the d leading eigenvectors as columns,
    each times √(λ - σ²). Raises ValueError unless 1 ≤ latent_dim < D, and for data that lie in d dimensions, as σ
    would be 0.

    Reference: Tipping & Bishop 1999 (Probabilistic principal component analysis), eqs. (7) and (8).
    """
    flat = np.asarray(x, np.float64).reshape(len(x), -1)
    dim = flat.shape[1]
    if not 1 <= latent_dim < dim:
        raise ValueError(f"fit_ppca: latent_dim = {latent_dim} must be between 1 and {dim - 1}, for rows of {dim}")
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(flat.T)))
    variance = np.mean(values[: dim - latent_dim])
    if not variance > 1e-12 * values[-1]:
        raise ValueError(f"fit_ppca: the data lie in {latent_dim} dimensions, so that σ would be 0; take fewer")
    top = slice(None, -latent_dim - 1, -1)
    weights = vectors[:, top] * np.sqrt(np.maximum(values[top] - variance, 0.0))
    as_float = lambda a: jnp.asarray(a, jax.dtypes.canonicalize_dtype(float))
    return LinearGenerator(as_float(weights), as_float(flat.mean(0)), as_float(np.sqrt(variance)))
