"""The Metropolis-adjusted Langevin algorithm: its ratio, its acceptance law, and the bias it removes."""

from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import f, norm

from ebmjax import pytree
from ebmjax.energies import double_well, standard_normal, temper
from ebmjax.mcmc import hmc, langevin, mala, run_chain

KEY = jax.random.key(0)


def one_step(kernel, x, noise):
    """`Info` and the state after one transition with this noise, in which everything is accepted that can be."""
    with mock.patch.object(pytree, "normal_like", lambda key, tree: noise):
        return jax.jit(lambda x: kernel.step(KEY, kernel.init(x)))(x)


def test_ratio_on_a_quadratic():
    """log acceptance = -(s² k² / 8) (x'² - x²) for E = k x² / 2, whichever way it is computed."""
    with jax.enable_x64(True):
        x, noise = jnp.asarray(np.random.default_rng(0).normal(size=(2, 500, 1)))
        k, s = 1.7, 0.9
        proposal = x - s**2 / 2 * k * x + s * noise
        expected = np.minimum(-(s**2) * k**2 / 8 * (proposal**2 - x**2), 0.0)[:, 0]
        assert -np.min(expected) > 1.0
        for builder in (mala, partial(hmc, num_leapfrog=1)):
            state, info = one_step(builder(lambda x: k * standard_normal(x), step_size=s), x, noise)
            np.testing.assert_allclose(np.log(info.acceptance_rate), expected, atol=1e-12)
            np.testing.assert_allclose(jnp.where(state.position != x, state.position, proposal), proposal, atol=1e-12)


def test_ratio_is_that_of_the_two_gaussian_proposals():
    """log p(x') q(x | x') - log p(x) q(x' | x), and the same as one leapfrog step, on a target with barriers."""
    energy = double_well().energy
    with jax.enable_x64(True):
        x, noise = jnp.asarray(np.random.default_rng(1).normal(size=(2, 300, 2)))
        s, t = 0.4, 1.5
        grad = jax.grad(lambda x: jnp.sum(energy(x)))
        mean = lambda x: x - s**2 / (2 * t) * grad(x)
        new = mean(x) + s * noise
        log_q = lambda a, b: -jnp.sum((a - mean(b)) ** 2, axis=1) / (2 * s**2)
        expected = jnp.minimum((energy(x) - energy(new)) / t + log_q(x, new) - log_q(new, x), 0.0)
        _, info = one_step(mala(energy, step_size=s, temperature=t), x, noise)
        _, leapfrog = one_step(hmc(energy, step_size=s, temperature=t, num_leapfrog=1), x, noise)
        expected = np.exp(expected)
    np.testing.assert_allclose(info.acceptance_rate, expected, atol=1e-12)
    np.testing.assert_allclose(leapfrog.acceptance_rate, expected, atol=1e-12)
    assert 0.1 < np.mean(expected < 0.9)


def test_a_constant_energy_accepts_everything():
    kernel = mala(lambda x: 3.0 + 0.0 * jnp.sum(x, axis=1), step_size=2.0)
    state, info, _ = run_chain(kernel, KEY, jnp.zeros((4096, 1)), 10)
    np.testing.assert_array_equal(info.acceptance_rate, np.ones(4096))
    assert np.var(state.position) == pytest.approx(10 * 4.0, rel=4 * np.sqrt(2 / 4096))


def acceptance(dim, s):
    """Mean acceptance on N(0, I_dim), exactly: twice the chance that s² (||x'||² - ||x||²) / 8 is negative.

    That is a sum over coordinates of a quadratic form of (x, ε) with eigenvalues a > 0 > b: χ²_dim / χ²_dim < -b / a.
    """
    new = np.array([1 - s**2 / 2, s])
    low, high = np.linalg.eigvalsh(np.outer(new, new) - np.diag([1.0, 0.0]))
    return 2 * f.cdf(-low / high, dim, dim)


@pytest.mark.parametrize("dim, num", [(100, 20_000), (1000, 2000)])
def test_optimal_acceptance(dim, num):
    """s² = 2.7248 dim^(-1/3) = l² dim^(-1/3), l = 1.6507: 2 Φ(-l³ / 8) = 0.574 in high dim, 0.1 / dim above it here."""
    length = np.sqrt(2.7248)
    assert length == pytest.approx(1.6507, abs=1e-4) and 2 * norm.cdf(-(length**3) / 8) == pytest.approx(
        0.574, abs=1e-4
    )
    s = length * dim ** (-1 / 6)
    expected = acceptance(dim, s)
    assert expected == pytest.approx(0.574 + 0.12 / dim, abs=1e-4)
    kernel = mala(standard_normal, step_size=s)
    x = jax.random.normal(jax.random.key(1), (num, dim))
    rate = np.asarray(jax.jit(lambda x: kernel.step(KEY, kernel.init(x))[1].acceptance_rate)(x))
    assert abs(rate.mean() - expected) < 4 * rate.std() / np.sqrt(num) < 0.04


def test_without_the_bias_of_langevin():
    """Unadjusted chains end at variance 1 / (1 - s² / 4), these at 1, within 4 standard errors of 20,000 chains."""
    num = 20_000
    x, error = jax.random.normal(jax.random.key(1), (num, 1)), np.sqrt(2 / num)

    @partial(jax.jit, static_argnums=0)
    def variance(builder, s):
        return jnp.var(run_chain(builder(standard_normal, step_size=s), KEY, x, 30)[0].position)

    for s in (0.5, 1.0, 1.5):
        assert abs(variance(mala, s) - 1.0) < 4 * error
        biased = 1 / (1 - s**2 / 4)
        assert abs(variance(langevin, s) / biased - 1.0) < 4 * error < biased - 1.0


@pytest.mark.slow
def test_temperature_schedules_and_leaves():
    energy, x = double_well().energy, np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)

    @partial(jax.jit, static_argnums=0)
    def run(potential, x, step_size, temperature=1.0):
        return run_chain(mala(potential, step_size=step_size, temperature=temperature), KEY, x, 8)[0].position

    tempered = run(temper(energy, 3.0), x, 0.3)
    np.testing.assert_allclose(run(energy, x, 0.3, 3.0), tempered, atol=1e-4)
    assert np.max(np.abs(run(energy, x, 0.3, 1.0) - tempered)) > 0.1
    scheduled = mala(energy, step_size=lambda k: 0.3 + 0.0 * k, temperature=lambda k: 3.0 + 0.0 * k)
    end = jax.jit(lambda x: run_chain(scheduled, KEY, x, 8)[0].position)(x)
    np.testing.assert_allclose(end, tempered, atol=1e-4)
    layers = {"top": x, "bottom": jnp.ones((32, 3))}
    moved = run(standard_normal, layers, {"top": 0.3, "bottom": 0.0})
    np.testing.assert_array_equal(moved["bottom"], layers["bottom"])
    assert np.all(moved["top"] != x)
    # A step size an entry is a diagonal preconditioner: the scaled target is the standard one.
    scale = jnp.array([0.01, 100.0])
    badly = run(lambda x: standard_normal(x / scale), x * scale, 0.5 * scale)
    np.testing.assert_allclose(badly / scale, run(standard_normal, x, 0.5), rtol=1e-3, atol=1e-4)
