"""Densities on a grid against closed forms: normalisation, KL, kernel smoothing, occupancy and width of modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import gaussian_kde

from ebmjax.diagnostics import mode_occupancy, mode_sd, nearest_mode
from ebmjax.energies import eight_gaussians, gaussian, mixture
from ebmjax.evaluation import grid_kl, grid_log_density, kernel_density, square_grid

GRID = square_grid(6.0, 200)


def test_grid():
    grid = square_grid(2.0, 4)
    np.testing.assert_allclose(grid.axis, [-1.5, -0.5, 0.5, 1.5])
    np.testing.assert_allclose(grid.x[:5], [[-1.5, -1.5], [-0.5, -1.5], [0.5, -1.5], [1.5, -1.5], [-1.5, -0.5]])
    assert grid.cell * 16 == 16.0  # the area


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_density_of_an_energy(temperature):
    """exp(-E / T) of a Gaussian is one with T times the covariance, up to quadrature."""
    target = gaussian((0.5, -0.3), ((1.0, 0.4), (0.4, 0.5)))
    exact = gaussian((0.5, -0.3), temperature * np.array(((1.0, 0.4), (0.4, 0.5))))
    found = grid_log_density(target.energy, GRID, temperature)
    np.testing.assert_allclose(jnp.sum(jnp.exp(found)) * GRID.cell, 1, rtol=1e-5)
    inside = exact.energy(GRID.x) < 20  # of float32 logs that nobody sees
    np.testing.assert_allclose(found[inside], (-exact.energy(GRID.x) - exact.log_z)[inside], atol=1e-3)


def test_kl_of_gaussians():
    """KL(N(m, a I) || N(0, b I)) in the plane = a/b - 1 - log(a/b) + |m|² / 2b, and it is no distance."""
    p, q = gaussian((0.6, 0.8), 0.5 * np.eye(2)), gaussian((0.0, 0.0), np.eye(2))
    logs = [grid_log_density(target.energy, GRID) for target in (p, q)]
    np.testing.assert_allclose(grid_kl(*logs, GRID), 0.5 - 1 + np.log(2) + 0.5, atol=1e-4)
    np.testing.assert_allclose(grid_kl(*logs[::-1], GRID), 2 - 1 - np.log(2) + 1, atol=1e-4)
    assert grid_kl(logs[0], logs[0], GRID) == 0
    assert np.isfinite(grid_kl(jnp.where(logs[0] < -10, -jnp.inf, logs[0]), logs[1], GRID))  # 0 log 0 = 0


def test_kernel_density_is_scipys():
    """For a round covariance; and it integrates to 1."""
    x = np.asarray(jax.random.normal(jax.random.key(0), (500, 2)))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T  # covariance exactly I
    grid = square_grid(4.0, 30)
    found = kernel_density(jnp.asarray(x), grid, 0.3)
    np.testing.assert_allclose(found, gaussian_kde(x.T, bw_method=0.3)(np.asarray(grid.x).T), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(jnp.sum(found) * grid.cell, 1, atol=0.01)


def test_modes_of_samples_and_of_the_grid():
    """Both see equal modes of sd .15; what a cell is assigned to beyond 2.5 sd is too little to matter."""
    target = eight_gaussians()
    angles = 2 * np.pi * np.arange(8) / 8
    means = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1), jnp.float32)
    grid = square_grid(1.8, 150)
    weights = jnp.exp(grid_log_density(target.energy, grid))
    np.testing.assert_allclose(mode_occupancy(nearest_mode(grid.x, means), 8, weights), 1 / 8, atol=1e-3)
    np.testing.assert_allclose(mode_sd(grid.x, means, weights), 0.15, atol=0.002)
    draws = target.sample(jax.random.key(1), 20_000)
    np.testing.assert_allclose(mode_sd(draws, means), 0.15, atol=0.004)  # s.e. .15 / √80,000 = .0005


def test_mode_sd_is_about_the_modes_own_centres():
    """Moved and unequal modes, and a draw that diverged: the pooled sd is that of the two widths."""
    target = mixture(((-1.5, 0.3), (2.2, -0.4)), (0.1, 0.3))
    x = target.sample(jax.random.key(2), 20_000).at[0].set(jnp.nan)
    means = jnp.array([[-1.0, 0.0], [2.0, 0.0], [50.0, 0.0]])  # the last one is empty
    np.testing.assert_allclose(mode_sd(x, means), np.sqrt((0.1**2 + 0.3**2) / 2), rtol=0.03)
