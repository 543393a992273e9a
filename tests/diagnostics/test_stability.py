"""The stability index on quadratics, where curvature is known, and against chains that do diverge."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.diagnostics import stability_index
from ebmjax.mcmc import langevin, run_chain

KEY = jax.random.key(0)


@partial(jax.jit, static_argnums=0)
def index_of(potential, x, step_size=1.0, temperature=0.5):
    """By default the largest eigenvalue itself."""
    return stability_index(potential, x, KEY, step_size=step_size, temperature=temperature)


SPECTRA = np.array([[4.0, 1.0, 0.5, 0.1], [1.0, -5.0, 0.5, -1.0], [-1.0, -2.0, -3.0, -4.0], [0.0, 0.0, 0.0, 0.0]])


def rotated_quadratics():
    """One symmetric matrix for each row with the eigenvalues of `SPECTRA`."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4, 4)))[0]
    matrices = jnp.asarray(np.einsum("bij,bj,bkj->bik", rotation, SPECTRA, rotation), jnp.float32)
    return lambda x: 0.5 * jnp.einsum("bi,bij,bj->b", x, matrices, x)


QUADRATICS = rotated_quadratics()


@pytest.mark.parametrize(("step_size", "temperature"), [(1.0, 0.5), (0.3, 1.0), (0.01, 5e-5)])
def test_quadratics(step_size, temperature):
    """Largest, not largest in magnitude: 1 beside -5; -1 where all are negative; 0 where there is no curvature."""
    index = index_of(QUADRATICS, jnp.ones((4, 4)), step_size, temperature)
    expected = step_size**2 * np.array([4.0, 1.0, -1.0, 0.0]) / (2 * temperature)
    np.testing.assert_allclose(index, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("spectrum", [(-4.0, 4.0), (1.0, -1.0), (1.0,), (-2.0,), (-2.0, -1.0)])
def test_saddles_from_every_direction(spectrum):
    """The largest eigenvalue, where the least is as large, in each of 1,000 random starting directions."""
    index = index_of(lambda x: 0.5 * jnp.sum(jnp.array(spectrum) * x**2, axis=1), jnp.ones((1000, len(spectrum))))
    np.testing.assert_allclose(index, max(spectrum), rtol=1e-3)


def test_the_double_wells_saddle():
    """(x² - 1)² + 2 y² has the Hessian diag(-4, 4) at 0."""
    index = index_of(lambda x: (x[:, 0] ** 2 - 1) ** 2 + 2 * x[:, 1] ** 2, jnp.zeros((1000, 2)))
    np.testing.assert_allclose(index, 4.0, rtol=1e-3)


@pytest.mark.parametrize(("low", "least"), [(-1.0, 0.98), (0.0, 0.98), (-10.0, 0.9)])
def test_many_dimensions(low, least):
    """Eigenvalues evenly over [low, 1]: 30 products reach most of the range, always from below."""
    spectrum = jnp.linspace(low, 1.0, 1024)
    index = index_of(lambda x: 0.5 * jnp.sum(spectrum * x**2, axis=1), jnp.ones((100, 1024)))
    assert least < np.min(index) and np.max(index) < 1 + 1e-5


def test_a_broken_row_is_its_own():
    index = index_of(lambda x: jnp.sum(x**4, axis=1), jnp.array([[np.nan, 1.0], [1.0, 2.0]]))
    assert np.isnan(index[0]) and abs(index[1] - 48) < 1e-2


def test_depends_on_the_place_of_each_row():
    """E = Σ x⁴ / 12 has curvature x², the largest over coordinates."""
    x = jnp.array([[1.0, 2.0, 0.1], [0.5, -0.2, 0.3]])
    index = index_of(lambda y: jnp.sum(y**4, axis=1) / 12, x)
    np.testing.assert_allclose(index, [4.0, 0.25], rtol=1e-4)


def test_pytree_positions_and_step_sizes():
    """Curvatures 1 (a) and 4 (b) with steps 3 and 1: s² λ is 9 in a, 4 in b."""
    x = {"a": jnp.ones((2, 3)), "b": jnp.ones((2, 2, 2))}
    potential = lambda y: 0.5 * jnp.sum(y["a"] ** 2, axis=1) + 2 * jnp.sum(y["b"] ** 2, axis=(1, 2))
    index = index_of(potential, x, {"a": 3.0, "b": 1.0}, 1.0)
    np.testing.assert_allclose(index, [4.5, 4.5], rtol=1e-4)
    np.testing.assert_allclose(index_of(potential, x), [4.0, 4.0], rtol=1e-4)


@pytest.mark.parametrize(("target", "diverges"), [(1.9, False), (2.1, True)])
def test_two_is_where_langevin_diverges(target, diverges):
    potential = lambda x: 0.5 * jnp.sum(jnp.array([4.0, 1.0]) * x**2, axis=1)
    step_size = np.sqrt(2 * target / 4.0)
    x = jnp.ones((3, 2))
    np.testing.assert_allclose(index_of(potential, x, step_size, 1.0), target, rtol=1e-4)
    state, _, _ = run_chain(langevin(potential, step_size=step_size, noise_scale=0), KEY, x, 200)
    assert np.all(np.abs(state.position[:, 0]) > 1e3) == diverges
