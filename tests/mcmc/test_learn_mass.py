"""The diagonal mass of pooled chains, learned in windows of one length."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import adapt_step_size, hmc, learn_inverse_mass
from ebmjax.mcmc.learn_mass import shrunk_variance

KEY = jax.random.key(0)


def test_shrunk_variance():
    """Of -1 and 1 twice, n = 4: (4 · 1 + .005) / 9; a coordinate that never moves: .005 / 9."""
    draws = {"a": jnp.array([[[-1.0, 3.0], [1.0, 3.0]]] * 2)}
    np.testing.assert_allclose(shrunk_variance(draws)["a"], [[4.005 / 9, 0.005 / 9]], rtol=1e-5)


def test_as_many_chains_as_coordinates():
    """An array [3] could be read as one mass for each of three chains; [1, 3] is one for each coordinate."""
    build = lambda inverse_mass: hmc(standard_normal, step_size=0.5, num_leapfrog=2, inverse_mass=inverse_mass)
    position, inverse_mass = learn_inverse_mass(build, KEY, jax.random.normal(KEY, (3, 3)), 8)
    assert inverse_mass.shape == (1, 3) and build(inverse_mass).init(position).energy.shape == (3,)


def test_too_few_steps():
    with pytest.raises(ValueError, match="3 steps are too few for 2 windows"):
        learn_inverse_mass(lambda inverse_mass: None, KEY, jnp.zeros((4, 1)), 3)


def test_variances_of_a_stiff_gaussian_are_found():
    """sd .1 to 10, from N(0, I): pooled over 2 x 100 transitions of 16 chains, each variance within a third; with the
    mass the last windows mix, without it they could not cross the longest axis."""
    sd = jnp.array([0.1, 1.0, 10.0])
    potential = lambda x: 0.5 * jnp.sum((x["u"] / sd) ** 2, axis=1)
    build = lambda inverse_mass: adapt_step_size(
        potential, make_kernel=partial(hmc, num_leapfrog=5, inverse_mass=inverse_mass), step_size=0.1, target=0.8
    )
    start = {"u": jax.random.normal(KEY, (16, 3))}
    learn = jax.jit(lambda key: learn_inverse_mass(build, key, start, 600, num_windows=3))
    position, inverse_mass = learn(jax.random.key(1))
    np.testing.assert_allclose(inverse_mass["u"] / sd**2, 1.0, atol=0.33)
    assert position["u"].shape == (16, 3)
