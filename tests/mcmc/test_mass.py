"""Dense masses, and the moments of pooled draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.mcmc import DenseMass, dense_mass
from ebmjax.mcmc.mass import add_draws, estimated_mass, mass_matrix, no_draws, times, times_transposed, whitened

COVARIANCE = np.array([[4.0, 1.0, 0.5], [1.0, 2.0, -0.3], [0.5, -0.3, 1.0]])


def layers(rows):
    """Rows `[B, 3]` as a pytree with leaves `[B]` and `[B, 2]`."""
    return {"a": rows[:, 0], "b": rows[:, 1:]}


def test_a_factor_of_the_inverse_mass():
    mass = dense_mass(COVARIANCE)
    np.testing.assert_allclose(mass.inverse_mass, COVARIANCE, rtol=1e-6)
    np.testing.assert_allclose(mass.factor, np.linalg.cholesky(COVARIANCE), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(dense_mass)(COVARIANCE).factor, mass.factor, rtol=1e-5)


@pytest.mark.parametrize(
    "matrix, message",
    [
        (np.ones(3), r"expected a matrix \[D, D\], got shape \(3,\)"),
        (np.ones((2, 3)), r"expected a matrix \[D, D\], got shape \(2, 3\)"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "is not symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "is not positive definite"),
        (np.full((2, 2), np.nan), "is not finite"),
    ],
)
def test_what_is_no_mass_is_refused(matrix, message):
    with pytest.raises(ValueError, match=f"^dense_mass: .*{message}"):
        dense_mass(matrix)


def test_products_and_whitening():
    """L x, Lᵀ x and L⁻¹ x of rows that are pytrees; a diagonal divides by standard deviations."""
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    factor = np.linalg.cholesky(COVARIANCE)
    mass = dense_mass(COVARIANCE)
    expected = layers(rows @ factor.T), layers(rows @ factor)
    found = times(mass.factor, layers(rows)), times_transposed(mass.factor, layers(rows))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)
    np.testing.assert_allclose(whitened(found[0], mass), rows, rtol=1e-5, atol=1e-5)
    diagonal = {"a": jnp.array([4.0]), "b": jnp.array([[9.0, 0.25]])}
    np.testing.assert_allclose(whitened(layers(rows), diagonal), rows / np.array([2.0, 3.0, 0.5]), rtol=1e-6)
    np.testing.assert_array_equal(whitened(layers(rows), 1.0), rows)


def test_the_matrix_of_one_chain():
    """Its diagonal in the order of the leaves, scalars and [1, ...] spread; or all of it; not one for each chain."""
    position = layers(jnp.ones((5, 3)))
    np.testing.assert_array_equal(mass_matrix(2.0, position), [2.0] * 3)
    diagonal = {"a": 3.0, "b": jnp.array([[4.0, 5.0]])}
    np.testing.assert_array_equal(mass_matrix(diagonal, position), [3.0, 4.0, 5.0])
    np.testing.assert_allclose(mass_matrix(dense_mass(COVARIANCE), position), COVARIANCE, rtol=1e-6)
    with pytest.raises(ValueError, match="inverse_mass must be the same for all chains"):
        mass_matrix({"a": jnp.ones(5), "b": 1.0}, position)


@pytest.mark.parametrize("dense", [False, True])
def test_moments_are_those_of_all_draws_that_count(dense):
    """Three batches, far from 0, of which some rows are left out; one of those is NaN."""
    rng = np.random.default_rng(1)
    draws = (100.0 + rng.normal(size=(3, 6, 3)) @ np.linalg.cholesky(COVARIANCE).T).astype(np.float32)
    use = rng.uniform(size=(3, 6)) < 0.7
    draws[1, 2], use[1, 2] = np.nan, False
    moments = no_draws(layers(draws[0]), dense=dense)
    for rows, keep in zip(draws, use):
        moments = add_draws(moments, layers(rows), keep)
    kept = np.float64(draws[use])
    assert moments.count == len(kept) == use.sum() < 18
    np.testing.assert_allclose(moments.mean[0], kept.mean(0), rtol=1e-6)
    scatter = len(kept) * np.cov(kept.T, bias=True)
    np.testing.assert_allclose(moments.scatter, scatter if dense else np.diag(scatter)[None], rtol=1e-3, atol=1e-3)
    found = estimated_mass(moments, layers(draws[0]), dense=dense)
    shrunk = (scatter + 5e-3 * np.eye(3)) / (len(kept) + 5)
    if dense:
        assert isinstance(found, DenseMass)
        np.testing.assert_allclose(found.inverse_mass, shrunk, rtol=1e-3, atol=1e-3)
    else:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3), found, layers(np.diag(shrunk)[None]))


def test_without_draws_the_mass_is_that_of_the_prior():
    """All chains are dead: 5e-3 / 5."""
    rows = np.full((4, 2), np.nan, np.float32)
    moments = add_draws(no_draws(rows), rows, np.zeros(4, bool))
    np.testing.assert_allclose(estimated_mass(moments, rows), 1e-3 * np.ones((1, 2)), rtol=1e-6)
