"""φ⁴ on a lattice: its sum written out, its symmetries, and the free field in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import phi_four
from ebmjax.mcmc import hmc, run_chain

RANDOM = np.random.default_rng(0)


def test_the_action_site_by_site():
    field = RANDOM.normal(size=(2, 3, 4))
    expected = np.zeros(2)
    for i in range(3):
        for j in range(4):
            phi = field[:, i, j]
            expected += (field[:, (i + 1) % 3, j] - phi) ** 2 + (field[:, i, (j + 1) % 4] - phi) ** 2
            expected += -4.0 * phi**2 + 6.975 * phi**4
    energy = phi_four((3, 4)).energy
    x = jnp.asarray(field.reshape(2, 12), jnp.float32)
    np.testing.assert_allclose(energy(x), expected, rtol=1e-5)
    np.testing.assert_allclose(energy(-x), energy(x), rtol=1e-6)
    shifted = np.roll(field, (1, 2), axis=(1, 2)).reshape(2, 12)
    np.testing.assert_allclose(energy(jnp.asarray(shifted, jnp.float32)), expected, rtol=1e-5)


def test_one_site_by_quadrature():
    """Of shape (1,) the slope is 0: Z = ∫ exp(-m² φ² - λ φ⁴), and a constant field has the energy of its potential."""
    phi = np.linspace(-3, 3, 2001)
    energy = phi_four((1,), -4.0, 6.975).energy(jnp.asarray(phi[:, None], jnp.float32))
    np.testing.assert_allclose(energy, -4 * phi**2 + 6.975 * phi**4, rtol=1e-4, atol=1e-4)
    flat = phi_four((5, 2)).energy(jnp.full((1, 10), 0.5))
    np.testing.assert_allclose(flat, 10 * (-1.0 + 6.975 / 16), rtol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (3, 2, 2)])
def test_free_field(shape):
    """Precision 2 (m² - Laplacian) by second derivatives, log Z by its determinant, covariance of 20,000 draws."""
    target, dim = phi_four(shape, 0.3, 0.0), int(np.prod(shape))
    precision = np.asarray(jax.hessian(lambda x: target.energy(x[None])[0])(jnp.zeros(dim)), np.float64)
    expected = 0.5 * dim * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision)[1]
    np.testing.assert_allclose(target.log_z, expected, rtol=1e-5)
    draws = np.asarray(target.sample(jax.random.key(0), 20_000), np.float64)
    covariance = np.linalg.inv(precision)
    variance = np.diag(covariance)
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / 20_000)
    assert np.all(np.abs(draws.T @ draws / 20_000 - covariance) < 4.5 * error)


def test_the_interacting_field_is_symmetric():
    """<φ> = 0 and E<φ, ∇S> = dim over 1,000 independent chains of hmc, 4.5 standard errors."""
    target = phi_four((2, 2))
    start = jnp.asarray(0.3 * RANDOM.normal(size=(1000, 4)), jnp.float32)
    kernel = hmc(target.energy, step_size=0.12, num_leapfrog=8)
    state, info, _ = jax.jit(lambda x: run_chain(kernel, jax.random.key(1), x, 150))(start)
    assert np.mean(info.acceptance_rate) > 0.7
    virial = jnp.sum(state.position * state.grad, axis=1) - 4.0
    for values in (np.mean(state.position, axis=1), np.asarray(virial)):
        assert abs(values.mean()) < 4.5 * values.std() / np.sqrt(1000)


@pytest.mark.parametrize("mass2, coupling", [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1)])
def test_fields_that_cannot_be_normalised(mass2, coupling):
    with pytest.raises(ValueError, match="phi_four needs coupling > 0, or coupling = 0 and mass2 > 0"):
        phi_four((2, 2), mass2, coupling)
