"""ChEES: its gradient against finite differences, its optimum in closed form, and its ascent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ebmjax.energies import double_well
from ebmjax.mcmc import hmc
from ebmjax.mcmc.chees import (
    HUGE,
    MAX_LEAPFROG,
    RATE,
    chees,
    chees_gradient,
    first_length,
    leapfrog_steps,
    update_length,
)
from ebmjax.mcmc.hmc import leapfrog

JITTER = 0.5
RNG = np.random.default_rng(0)
X, P, U = RNG.normal(size=(4096, 5)), RNG.normal(size=(4096, 5)), RNG.uniform(1 - JITTER, 1 + JITTER, 4096)


def turned(length):
    """(x', p', t) of N(0, I) after times t = u T: Hamiltonian motion is a rotation."""
    t = U * length
    cos, sin = np.cos(t)[:, None], np.sin(t)[:, None]
    return X * cos + P * sin, P * cos - X * sin, t


def best_length(jitter):
    """The criterion of N(0, I_D) is D E sin²(u T): it is largest where cos(2T) sin(2jT) / (2jT) is least."""
    found = minimize_scalar(
        lambda t: np.cos(2 * t) * np.sinc(2 * jitter * t / np.pi), bounds=(0.5, 2.0), method="bounded"
    )
    return found.x


@pytest.mark.parametrize("length", [0.4, 1.0, 1.43, 2.5])
def test_the_gradient_is_that_of_the_criterion(length):
    """Of the mean over chains with the same random numbers, by central differences in log T, in float64."""
    with jax.enable_x64(True):
        end, momentum, time = turned(length)
        found = float(np.mean(chees_gradient(X, end, momentum, time)))
        high, low = (float(np.mean(chees(X, turned(length * np.exp(h))[0]))) for h in (1e-4, -1e-4))
    assert found == pytest.approx((high - low) / 2e-4, rel=1e-5, abs=1e-6)


def test_the_gradient_of_leapfrog_trajectories():
    """On a double well, T = 200 ε: a longer T is a larger ε, up to the O(ε²) between momentum and velocity."""
    with jax.enable_x64(True):
        energy, (x, p) = double_well().energy, RNG.normal(size=(2, 500, 2))
        grad, centre, num = jax.grad(lambda x: jnp.sum(energy(x)))(x), np.array([0.3, -0.2]), 200

        @jax.jit
        def run(step_size):
            end, momentum, _, _ = leapfrog(energy, x, p, grad, step_size=step_size, num_leapfrog=num)
            gradient = chees_gradient(x - centre, end - centre, momentum, num * step_size)
            return jnp.mean(chees(x - centre, end - centre)), jnp.mean(gradient)

        found, high, low = (np.asarray(run(0.004 * np.exp(h))) for h in (0.0, 1e-3, -1e-3))
    assert found[1] == pytest.approx((high[0] - low[0]) / 2e-3, rel=0.01)
    assert abs(found[1]) > 0.1 * found[0]


def test_hmc_reports_where_its_trajectories_ended():
    """The proposal itself, accepted or not, and its momentum: leapfrog steps from there back end at the start."""
    x = jnp.asarray(X[:64, :2], jnp.float32)
    kernel = hmc(double_well().energy, step_size=0.15, num_leapfrog=5)
    before = kernel.init(x)
    state, info, end = jax.jit(kernel.trajectory)(jax.random.key(1), before)
    moved = np.any(state.position != x, axis=1)
    assert 0.2 < np.mean(moved) < 1.0
    np.testing.assert_array_equal(state.position[moved], end.position[moved])
    grad = jax.grad(lambda x: jnp.sum(double_well().energy(x)))(end.position)
    options = dict(step_size=0.15, num_leapfrog=end.num_leapfrog)
    back = leapfrog(double_well().energy, end.position, -end.momentum, grad, **options)
    np.testing.assert_allclose(back[0], x, atol=1e-3)
    stepped, again = jax.jit(kernel.step)(jax.random.key(1), before)
    jax.tree.map(np.testing.assert_array_equal, (stepped, again), (state, info))


def test_the_ascent_finds_the_best_length():
    """On exact trajectories of N(0, I_5), from .2 and 2.5: 1.43 for jitter .5, within the noise of 4,096 chains."""
    expected = best_length(JITTER)
    assert expected == pytest.approx(1.434, abs=1e-3)
    x, p, u = (jnp.asarray(a, jnp.float32) for a in (X, P, U))

    def one(length, _):
        t = u * jnp.exp(length.log_length)
        cos, sin = jnp.cos(t)[:, None], jnp.sin(t)[:, None]
        gradients = chees_gradient(x, x * cos + p * sin, p * cos - x * sin, t)
        return update_length(length, gradients, jnp.ones(len(x))), None

    climb = jax.jit(lambda start: jax.lax.scan(one, first_length(jnp.log(start)), None, length=200)[0])
    for start in (0.2, 2.5):
        assert np.exp(climb(start).log_average) == pytest.approx(expected, rel=0.03)


def test_one_step_by_hand():
    """The first step is RATE up the sign of the weighted mean, whatever its size; what has no weight has no say."""
    start = first_length(jnp.float32(0.3))
    gradients, weights = jnp.array([-1.0, 5.0, np.nan, 10 * HUGE, -1e9]), jnp.array([0.6, 0.1, 0.9, 0.9, 0.0])
    for sign, moved in ((1.0, -RATE), (-1.0, RATE)):
        new = update_length(start, sign * gradients, weights)
        np.testing.assert_allclose([new.log_length, new.log_average], 0.3 + moved, rtol=1e-5)
        np.testing.assert_allclose(new.square, 0.05 * (0.1 / 0.7) ** 2, rtol=1e-4)
    second = update_length(new, jnp.array([2.0]), jnp.array([1.0]))
    size = np.sqrt((0.95 * 0.05 * (0.1 / 0.7) ** 2 + 0.05 * 4.0) / (1 - 0.95**2))
    np.testing.assert_allclose(second.log_length, 0.3 + RATE + RATE * 2.0 / size, rtol=1e-4)
    share = 2**-0.75
    expected = share * second.log_length + (1 - share) * new.log_length
    np.testing.assert_allclose(second.log_average, expected, rtol=1e-5)
    still = update_length(start, jnp.array([np.inf]), jnp.array([1.0]))
    assert still.log_length == start.log_length and still.square == 0.0


def test_numbers_of_leapfrog_steps():
    for length, step_size, steps in ((1.43, 0.7, 2), (0.1, 0.7, 1), (1e9, 0.7, MAX_LEAPFROG), (np.nan, 0.7, 1)):
        assert leapfrog_steps(jnp.log(length), jnp.float32(step_size)) == steps
