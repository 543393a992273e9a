"""Underdamped Langevin dynamics: exact stationary laws, its limits in the friction, and the momentum it keeps."""

from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import double_well, standard_normal
from ebmjax.mcmc import langevin, run_chain, underdamped
from ebmjax.mcmc.underdamped import Momentum

KEY = jax.random.key(0)


def transition(kernel, x, p, noise):
    """(x', p') of one transition of chains that have momentum p."""
    state = kernel.init(x)._replace(adapt=Momentum(p, jnp.ones(len(x), bool)))
    with mock.patch.object(pytree, "normal_like", lambda key, tree: noise):
        state, _ = kernel.step(KEY, state)
    return jnp.concatenate([state.position, state.adapt.value], axis=1)


@partial(jax.jit, static_argnums=0)
def response(splitting, sigma, s, temperature, friction):
    """(x', p') `[3, 2]` for unit position, unit momentum and unit noise, each alone."""
    x, p, e = jnp.eye(3).reshape(3, 3, 1)
    options = {"step_size": s, "friction": friction, "temperature": temperature, "splitting": splitting}
    return transition(underdamped(lambda x: standard_normal(x) / sigma**2, **options), x, p, e)


@pytest.mark.parametrize("friction", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("sigma, s, temperature", [(1.0, 0.5, 1.0), (1.0, 1.5, 1.0), (2.0, 1.0, 3.0)])
@pytest.mark.parametrize("splitting", ["OBABO", "BAOAB"])
def test_stationary_law(splitting, sigma, s, temperature, friction):
    """A transition is z' = A z + b ε. With r = 1 - s² / (4σ²T), OBABO keeps momenta N(0, 1) and positions of variance
    σ²T / r; BAOAB keeps positions of variance σ²T, and momenta of variance r. Exactly."""
    with jax.enable_x64(True):
        columns = np.asarray(response(splitting, sigma, s, temperature, friction)).T
    r = 1 - s**2 / (4 * sigma**2 * temperature)
    variances = [sigma**2 * temperature / r, 1.0] if splitting == "OBABO" else [sigma**2 * temperature, r]
    law, a, b = np.diag(variances), columns[:, :2], columns[:, 2:]
    np.testing.assert_allclose(a @ law @ a.T + b @ b.T, law, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(a), np.exp(-friction * s), rtol=1e-12)  # friction contracts, alone


def test_with_infinite_friction_it_is_langevin():
    energy, x = double_well().energy, jax.random.normal(KEY, (64, 2))
    run = lambda kernel: jax.jit(lambda x: run_chain(kernel, KEY, x, 20)[0].position)(x)
    end = run(underdamped(energy, step_size=0.1, friction=1e6, temperature=2.0))
    np.testing.assert_allclose(end, run(langevin(energy, step_size=0.1, temperature=2.0)), atol=1e-5)


def test_without_friction_momentum_carries_over():
    """Hamiltonian motion: energy is conserved, and a run goes on from `adapt` where the last one stopped."""
    kernel, x = underdamped(standard_normal, step_size=0.1, friction=0.0), jax.random.normal(KEY, (64, 2))
    collect = lambda state, info: state.energy + standard_normal(state.adapt.value)
    run = jax.jit(lambda n, key, x, adapt: run_chain(kernel, key, x, n, adapt=adapt)[0], static_argnums=0)
    whole, _, hamiltonian = run_chain(kernel, KEY, x, 30, collect=collect)
    np.testing.assert_allclose(hamiltonian, np.tile(hamiltonian[0], (30, 1)), rtol=0.02)
    assert np.ptp(whole.energy - standard_normal(x)) > 0.5
    first = run(15, KEY, x, kernel.init(x).adapt)
    second = run(15, jax.random.key(9), first.position, first.adapt)
    np.testing.assert_allclose(second.position, whole.position, atol=1e-5)
    forgot = run(15, jax.random.key(9), first.position, kernel.init(x).adapt)
    assert np.max(np.abs(forgot.position - whole.position)) > 0.5


@pytest.mark.parametrize("splitting", ["OBABO", "BAOAB"])
def test_a_run_starts_with_momenta_from_their_law(splitting):
    """From the stationary law the variance stays put from the first step on; from rest it would fall by half. (BAOAB
    starts from momenta of variance 1 for 1 - s² / 4, which the error of 4 % covers.)"""
    num, s = 20_000, 0.3
    obabo, ratio = splitting == "OBABO", 1 - s**2 / 4
    x = jax.random.normal(KEY, (num, 1)) / np.sqrt(ratio if obabo else 1.0)
    collect = lambda state, info: (jnp.var(state.position), jnp.var(state.adapt.value))
    kernel = underdamped(standard_normal, step_size=s, friction=0.1, splitting=splitting)
    _, _, (position, momentum) = run_chain(kernel, jax.random.key(1), x, 12, collect=collect)
    error = np.sqrt(2 / num)
    np.testing.assert_allclose(position, 1 / ratio if obabo else 1.0, rtol=4 * error)
    np.testing.assert_allclose(momentum, 1.0 if obabo else ratio, rtol=4 * error)


def test_the_bias_away_from_gaussians():
    """E = log cosh 2x has variance π² / 16 = .617; at s = .6 it is .80 by OBABO, and right by BAOAB.

    20,000 chains after 60 steps at friction 2; squares have a standard deviation of 1.1: an error of .008.
    """
    potential, x = lambda x: jnp.sum(jnp.logaddexp(2 * x, -2 * x), axis=1), 0.8 * jax.random.normal(KEY, (20_000, 1))
    error = {}
    for splitting in ("OBABO", "BAOAB"):
        kernel = underdamped(potential, step_size=0.6, friction=2.0, splitting=splitting)
        end = jax.jit(lambda x: run_chain(kernel, KEY, x, 60)[0].position)(x)
        error[splitting] = np.mean(np.square(end)) - np.pi**2 / 16
    assert 0.14 < error["OBABO"] < 0.23 and abs(error["BAOAB"]) < 0.035


@pytest.mark.parametrize("splitting", ["OBABO", "BAOAB"])
def test_a_rejected_chain_gets_a_new_momentum(splitting):
    """Flying into a wall, a chain that kept its momentum without friction would propose the same forever."""
    wall = lambda x: jnp.where(x[:, 0] > 1.0, jnp.nan, 0.0 * x[:, 0])
    kernel, x = underdamped(wall, step_size=0.5, friction=0.0, splitting=splitting), jnp.full((256, 1), 0.9)
    collect = lambda state, info: (state.position[:, 0], state.adapt.drawn, info.num_nonfinite)
    _, _, (x, drawn, count) = run_chain(kernel, KEY, x, 40, collect=collect)
    np.testing.assert_array_equal(drawn, np.asarray(count) == 0.0)
    assert np.all(np.asarray(x) <= 1.0)
    assert 0.3 < np.mean(count[0]) < 0.6  # half of the first momenta point at the wall
    assert not np.any(np.all(count, axis=0)) and np.mean(x[-1] < 0.5) > 0.9
