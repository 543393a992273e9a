"""Densities in the plane on a grid: of energies, of samples, and the KL divergence between them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.types import Array, Potential


class Grid(NamedTuple):
    """num x num square cells that cover [-limit, limit]².

    x: centres `[num², 2]`, row by row from the lowest up. limit: half the side. num: cells along a side.
    """

    x: Array
    limit: float
    num: int

    @property
    def cell(self) -> float:
        """Area of a cell."""
        return (2.0 * self.limit / self.num) ** 2

    @property
    def axis(self) -> Array:
        """Centres along a side, `[num]`."""
        return self.x[: self.num, 0]


def square_grid(limit: float, num: int = 200) -> Grid:
    """num x num cells on [-limit, limit]²."""
    axis = limit * ((2.0 * jnp.arange(num) + 1.0) / num - 1.0)
    columns, rows = jnp.meshgrid(axis, axis)
    return Grid(jnp.stack([columns.ravel(), rows.ravel()], axis=1), limit, num)


def grid_log_density(potential: Potential, grid: Grid, temperature: float = 1.0) -> Array:
    """log of exp(-E / T) normalised on the grid, `[num²]` in nats; mass outside the grid is ignored."""
    return jax.nn.log_softmax(-potential(grid.x) / temperature) - jnp.log(grid.cell)


def grid_kl(log_p: Array, log_q: Array, grid: Grid) -> Array:
    """KL(p || q) in nats of two log densities `[num²]` that are normalised on the grid."""
    return jnp.sum(jnp.where(log_p > -jnp.inf, jnp.exp(log_p) * (log_p - log_q), 0.0)) * grid.cell


def kernel_density(x: Array, grid: Grid, bandwidth: float, weights: Array | None = None) -> Array:
    """Density `[num²]` of samples x`[N, 2]`, smoothed by an isotropic Gaussian of standard deviation `bandwidth` > 0.

    weights: `[N]`, ≥ 0, the mass of each sample; default 1 / N. Exact for a mixture of such
    Gaussians: Σ_n weights_n N(x_n, bandwidth² I). Below 1e-38, some 13 bandwidths from all samples, it is 0.

    For x of isotropic covariance, scipy's gaussian_kde with bw_method b is bandwidth = b times the standard deviation.
    """
    # The kernel is a product, so the sum over samples is one product of matrices, without an [N, num²] array.
    columns, rows = (jax.scipy.stats.norm.pdf(grid.axis[:, None], x[:, i], bandwidth) for i in (0, 1))
    columns = columns / x.shape[0] if weights is None else columns * weights
    return (rows @ columns.T).ravel()
