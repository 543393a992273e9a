"""Gaussians and mixtures with exact samples and log Z: references for samplers and estimators."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ebmjax.energies.combinators import standard_normal
from ebmjax.types import Array, Potential

LOG_2PI = float(np.log(2.0 * np.pi))


class Target(NamedTuple):
    """A distribution exp(-energy(x)) / Z on R^dim, with exact samples and Z where they are known.

    name: for tables. dim: of x.
    energy: x[B, dim] -> `[B]`, finite with finite gradients at least for |x_i| ≤ 1000.
    sample: (rng_key, num) -> x[num, dim], independent exact draws; None if there is no way to make them.
    log_z: log ∫ exp(-energy(x)) dx; NaN if it is not known.
    transport: z[B, dim] -> (x[B, dim], log|det ∂x/∂z| `[B]`), the exact map from N(0, I), or None if none is known.
    """

    name: str
    dim: int
    energy: Potential
    sample: Callable[[Array, int], Array] | None
    log_z: float
    transport: Callable[[Array], tuple[Array, Array]] | None = None


def transported(name: str, dim: int, energy: Potential, log_z: float, transport: Callable) -> Target:
    """The target whose exact draws are `transport` of N(0, I)."""
    sample = lambda rng_key, num: transport(jax.random.normal(rng_key, (num, dim)))[0]
    return Target(name, dim, energy, sample, float(log_z), transport)


def standard_gaussian(dim: int = 100) -> Target:
    """N(0, I): energy ||x||² / 2."""
    transport = lambda z: (z, jnp.zeros(z.shape[0], z.dtype))
    return transported("standard_gaussian", dim, standard_normal, 0.5 * dim * LOG_2PI, transport)


def gaussian(mean: ArrayLike, covariance: ArrayLike) -> Target:
    """N(mean, covariance): energy (x - mean)ᵀ covariance⁻¹ (x - mean) / 2. mean: `[d]`, covariance: `[d, d]`, SPD."""
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    dim = mean.size
    if covariance.shape != (dim, dim) or not np.allclose(covariance, covariance.T):
        raise ValueError(f"the covariance must be symmetric of shape {(dim, dim)}, got shape {covariance.shape}")
    if np.linalg.eigvalsh(covariance)[0] <= 0:
        raise ValueError("the covariance must be positive definite: its smallest eigenvalue is ≤ 0")
    factor = np.linalg.cholesky(covariance)
    whiten, half_log_det = np.linalg.inv(factor), float(np.sum(np.log(np.diag(factor))))
    # A reference must not lose digits to the accelerators' default matrix precision.
    multiply = lambda x, matrix: jnp.matmul(x, matrix.T.astype(x.dtype), precision=jax.lax.Precision.HIGHEST)

    energy = lambda x: standard_normal(multiply(x - mean.astype(x.dtype), whiten))

    def transport(z):
        return mean.astype(z.dtype) + multiply(z, factor), jnp.full(z.shape[0], half_log_det, z.dtype)

    return transported("gaussian", dim, energy, 0.5 * dim * LOG_2PI + half_log_det, transport)


def mixture(means: ArrayLike, sds: ArrayLike, weights: ArrayLike | None = None) -> Target:
    """Σ_k weights_k N(means_k, sds_k² I); the energy is -log of it, so log Z = 0.

    means: `[K, d]`. sds: > 0, one or `[K]`. weights: `[K]`, > 0, normalised here; equal by default.
    """
    means = np.asarray(means, float)
    num, dim = means.shape
    sds = np.broadcast_to(np.asarray(sds, float), (num,))
    weights = np.ones(num) if weights is None else np.asarray(weights, float)
    if weights.shape != (num,) or np.any(weights <= 0) or np.any(sds <= 0):
        raise ValueError(f"a mixture of {num} needs {num} positive weights and sds, got {weights} and {sds}")
    log_weights = np.log(weights / weights.sum())
    log_scale = log_weights - dim * (np.log(sds) + 0.5 * LOG_2PI)

    def energy(x):
        # Differences, not ||x||² - 2 x·m + ||m||², which cancels far away.
        square = jnp.sum(jnp.square(x[:, None, :] - means.astype(x.dtype)), axis=-1)
        return -jax.nn.logsumexp(log_scale.astype(x.dtype) - square / (2.0 * sds**2).astype(x.dtype), axis=-1)

    def sample(rng_key, num):
        which_key, noise_key = jax.random.split(rng_key)
        which = jax.random.categorical(which_key, jnp.asarray(log_weights), shape=(num,))
        noise = jax.random.normal(noise_key, (num, dim))
        return jnp.asarray(means, noise.dtype)[which] + jnp.asarray(sds, noise.dtype)[which, None] * noise

    return Target("mixture", dim, energy, sample, 0.0)


def eight_gaussians(radius: float = 1.0, sd: float = 0.15) -> Target:
    """Eight equal modes on a circle, in 2-D: the toy of Nijkamp et al. 2019 (arXiv 1903.12370)."""
    angles = 2.0 * np.pi * np.arange(8) / 8
    means = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return mixture(means, sd)._replace(name="eight_gaussians")
