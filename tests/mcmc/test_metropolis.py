"""Accepting and rejecting rows: probabilities, infinities, NaN, and what is passed on."""

from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import hmc, independence_mh, langevin, mala, run_chain, underdamped
from ebmjax.mcmc.metropolis import accept_finite, accept_or_reject, uniform_rows
from ebmjax.types import ChainState

NUM = 40_000


def at(value, adapt=()):
    """NUM chains at x = value with energy and gradient 10 times it."""
    x = jnp.full((NUM, 1), value)
    return ChainState(x, 10.0 * x[:, 0], 10.0 * x, jnp.int32(7), adapt)


def moved(state):
    return np.asarray(state.position[:, 0]) == 2.0


def test_the_fraction_that_moves_is_the_acceptance_rate():
    log_ratio = jnp.log(jnp.tile(jnp.array([0.2, 0.5, 1.0, 3.0]), NUM // 4))
    new = at(2.0)
    state, info = accept_or_reject(jax.random.key(0), at(1.0, adapt=jnp.arange(3)), new[:3], log_ratio)
    for i, expected in enumerate([0.2, 0.5, 1.0, 1.0]):
        np.testing.assert_allclose(info.acceptance_rate[i::4], expected, rtol=1e-6)
        # 10,000 Bernoulli draws: a standard error of at most 0.005.
        assert abs(moved(state)[i::4].mean() - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 1e4) + 1e-9
    np.testing.assert_array_equal(state.energy, 10.0 * state.position[:, 0])
    np.testing.assert_array_equal(state.grad, 10.0 * state.position)
    np.testing.assert_array_equal(info.energy, state.energy)
    np.testing.assert_array_equal(info.grad_norm, jnp.abs(state.grad[:, 0]))
    np.testing.assert_array_equal(state.adapt, jnp.arange(3))
    assert int(state.step) == 8 and not info.num_nonfinite.any()


def test_what_is_not_finite_is_rejected_and_counted():
    rows = lambda *values: jnp.concatenate([jnp.array(values), jnp.zeros(NUM - len(values))])
    energy, grad = rows(jnp.nan, jnp.inf, -jnp.inf, 0.0, 0.0), rows(0.0, 0.0, 0.0, jnp.nan, 0.0)
    log_ratio = rows(0.0, 0.0, jnp.inf, 0.0, jnp.nan)
    proposal = (jnp.full((NUM, 1), 2.0), energy, grad[:, None])
    expected = np.arange(NUM) < 5
    state, info = accept_or_reject(jax.random.key(0), at(1.0), proposal, log_ratio)
    np.testing.assert_array_equal(~moved(state), expected)
    np.testing.assert_array_equal(info.num_nonfinite, expected)
    np.testing.assert_array_equal(info.acceptance_rate, ~expected)
    assert np.all(np.isfinite(state.energy)) and np.all(np.isfinite(state.grad))
    # Without correction the ratio does not exist: four rows.
    state, info = accept_finite(at(1.0), proposal)
    np.testing.assert_array_equal(info.num_nonfinite, np.arange(NUM) < 4)
    np.testing.assert_array_equal(moved(state), np.arange(NUM) >= 4)


def test_infinite_ratios():
    """Impossible moves are refused without being counted; a start of infinite energy is left at once."""
    state, info = accept_or_reject(jax.random.key(0), at(1.0), at(2.0)[:3], jnp.full(NUM, -jnp.inf))
    assert not moved(state).any() and not info.num_nonfinite.any() and not info.acceptance_rate.any()
    stuck = at(1.0)._replace(energy=jnp.full(NUM, jnp.inf))
    state, info = accept_or_reject(jax.random.key(0), stuck, at(2.0)[:3], stuck.energy - 20.0)
    assert moved(state).all() and np.all(np.isfinite(state.energy))


def test_kernels_without_gradient():
    state = at(1.0)._replace(grad=())
    state, info = accept_or_reject(jax.random.key(0), state, (state.position + 1.0, state.energy, ()), jnp.zeros(NUM))
    assert state.grad == () and not info.grad_norm.any() and moved(state).all()


def test_chains_that_refused_a_proposal_can_be_differentiated():
    """log of the distance to a wall is NaN behind it: in reverse and forward mode, by step size and by a parameter."""

    def end(step_size, weight):
        potential = lambda x: weight * standard_normal(x) - 0.1 * jnp.log(1.0 - x[:, 0])
        start = jnp.linspace(-0.9, 0.9, 16)[:, None]
        state, info, _ = run_chain(langevin(potential, step_size=step_size), jax.random.key(1), start, 6)
        return jnp.sum(jnp.sin(state.position)), jnp.sum(info.num_nonfinite)

    with jax.enable_x64(True):
        at, h = (0.3, 1.0), 1e-6
        jitted = jax.jit(end)
        assert jitted(*at)[1] >= 3
        value = lambda *a: jitted(*a)[0]
        expected = [value(0.3 + h, 1.0) - value(0.3 - h, 1.0), value(0.3, 1.0 + h) - value(0.3, 1.0 - h)]
        for mode in (jax.jacrev, jax.jacfwd):
            np.testing.assert_allclose(jax.jit(mode(value, (0, 1)))(*at), np.divide(expected, 2 * h), rtol=1e-5)


def test_unlikely_proposals_are_not_accepted_because_a_draw_was_coarse():
    """Chains of half precision too: 8 bits of a uniform number would accept e^-20 once in 128 times."""
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (at(1.0)[:3], at(2.0)[:3]))
    for (now, new), moves in (((at(1.0)[:3], at(2.0)[:3]), 0), (half, 0)):
        for log_ratio, expected in ((-20.0, moves), (0.0, NUM)):
            ratio = jnp.full(NUM, log_ratio, now[1].dtype)
            state, info = accept_or_reject(jax.random.key(0), ChainState(*now, jnp.int32(0)), new, ratio)
            assert moved(state).sum() == expected
            np.testing.assert_allclose(info.acceptance_rate, np.exp(log_ratio), rtol=1e-6)


def test_a_uniform_number_is_never_0():
    """All others are those of jax.random in float32, and with them the decisions."""
    draws = jax.random.uniform(jax.random.key(0), (NUM,))
    for like in (jnp.zeros(NUM), jnp.zeros(NUM, jnp.bfloat16)):
        np.testing.assert_array_equal(uniform_rows(jax.random.key(0), like), draws)
    with mock.patch.object(jax.random, "uniform", lambda key, shape, dtype: jnp.zeros(shape, dtype)):
        assert not moved(accept_or_reject(jax.random.key(0), at(1.0), at(2.0)[:3], jnp.full(NUM, -17.0))[0]).any()
        assert moved(accept_or_reject(jax.random.key(0), at(1.0), at(2.0)[:3], jnp.full(NUM, -16.0))[0]).all()


WALLS = {
    "infinite": lambda x: standard_normal(x) - jnp.log(jnp.maximum(1.0 - x[:, 0], 0.0)),
    "nan": lambda x: standard_normal(x) - jnp.log(1.0 - x[:, 0]),
}
"""Energies of x_0 < 1; beyond, they are infinite or NaN, and both gradients are not finite."""


@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize("kernel", [langevin, mala, partial(hmc, num_leapfrog=3), underdamped])
def test_chains_that_start_behind_a_wall_leave(wall, kernel):
    """With the first proposal before it: each of 100 has a chance of Φ(-0.5 / 0.4) = 0.11, so 16 chains all succeed."""
    start = jnp.stack([jnp.full(16, 1.5), jnp.zeros(16)], axis=1)
    build = kernel(WALLS[wall], step_size=0.4)
    assert not np.isfinite(build.init(start).energy).any()
    run = jax.jit(lambda x: run_chain(build, jax.random.key(0), x, 100))
    state, info, _ = run(start)
    assert np.all(np.isfinite(state.energy)) and np.all(state.position[:, 0] < 1.0)
    assert np.all(info.num_nonfinite < 100)


def test_independent_proposals_leave_too():
    """Where the proposal's own density is 0 as well, so that the ratio is not defined."""
    sample = lambda key, num: jax.random.uniform(key, (num, 1))
    log_prob = lambda x: jnp.where(jnp.abs(x[:, 0] - 0.5) <= 0.5, 0.0, -jnp.inf)
    kernel = independence_mh(WALLS["infinite"], sample=sample, log_prob=log_prob)
    state, info, _ = run_chain(kernel, jax.random.key(0), jnp.full((8, 1), 1.5), 3)
    assert np.all(np.isfinite(state.energy)) and not info.num_nonfinite.any()
