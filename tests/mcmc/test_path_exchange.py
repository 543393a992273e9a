"""Replica exchange along a path from a base: closed forms of Gaussians, energies and gradients through the swaps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import gaussian, mixture, standard_normal
from ebmjax.mcmc import Base, adapt_step_size, base_from, mala, path_exchange, run_chain, tempered_smc
from ebmjax.mcmc.swaps import swap_probability
from tests.mcmc.test_tempering import exact

KEY = jax.random.key(0)
WIDE = gaussian((0.0, 0.0), ((4.0, 0.0), (0.0, 4.0)))
NARROW = lambda x: standard_normal(x - 0.6) / 0.25  # variance 0.25, mean (.6, .6)
BETAS = jnp.array([0.0, 0.1, 0.4, 1.0])


def test_every_replica_keeps_its_gaussian():
    """Precision (1 - β) / 4 + 4 β, mean 0.6 · 4 β / precision at every β, within 4 standard errors over 500 chains.

    200 steps from wide starts. MALA's step size adapts at each β by itself: the sd falls from 2 to 0.5.
    """
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.5, target=0.6, num_adapt=100)
    exchange = path_exchange(base_from(WIDE), NARROW, betas=BETAS, make_kernel=kernel)
    start = WIDE.sample(jax.random.key(1), 2000).reshape(500, 4, 2)
    collect = lambda state, info: (state.position, state.energy)
    state, info, (x, energy) = jax.jit(lambda: run_chain(exchange, KEY, start, 200, collect=collect))()
    x = np.asarray(x[100:])
    precision = (1 - BETAS) / 4 + 4 * BETAS
    for values, exact_mean in ((x, 2.4 * BETAS / precision), (x**2, 1 / precision + (2.4 * BETAS / precision) ** 2)):
        means = values.mean((0, 3))  # of each chain and replica
        error = means.std(0, ddof=1) / np.sqrt(500)
        np.testing.assert_allclose((means.mean(0) - exact_mean) / error, 0.0, atol=4.0)
    np.testing.assert_allclose(info.acceptance_rate[:, 0], 1.0)
    np.testing.assert_allclose(np.mean(info.acceptance_rate[:, 1:], 0), 0.6, atol=0.1)
    steps = np.exp(state.adapt.kernel.log_average)
    assert steps.shape == (3,) and np.all(np.diff(steps) < 0)
    assert np.all(state.adapt.round_trips > 0) and np.all(state.adapt.swap_rate > 0.3)
    assert np.all(np.isfinite(energy))


def test_swaps_change_no_distribution():
    """Base and target N(0, 4 I), E = -log q - 3: V is constant, and every swap accepted; a kernel without gradients."""
    base = base_from(WIDE)
    exchange = path_exchange(base, lambda x: WIDE.energy(x) - 3.0, betas=[0.0, 0.5, 1.0], make_kernel=exact)
    state, _, _ = jax.jit(lambda: run_chain(exchange, KEY, jnp.zeros((5, 3, 2)), 6))()
    np.testing.assert_allclose(state.adapt.swap_rate, 1.0, rtol=1e-5)
    assert state.grad == () and np.all(state.adapt.num_rounds == 6)


def test_state_holds_the_targets_energy_and_gradient():
    """At β down to 0.001, where they are recovered from the path's, and after swaps with the base."""
    target = mixture(((0.0, 0.0), (2.0, 1.0)), 0.7)
    exchange = path_exchange(
        base_from(WIDE), target.energy, betas=[0.0, 0.001, 0.05, 1.0], make_kernel=partial(mala, step_size=0.5)
    )
    start = WIDE.sample(jax.random.key(1), 64).reshape(16, 4, 2)
    state, _, _ = jax.jit(lambda: run_chain(exchange, KEY, start, 7))()
    rows = state.position.reshape(-1, 2)
    # Rounding of log q, about 5, by 6e-8 each in three places, over β.
    np.testing.assert_allclose(state.energy.reshape(-1), target.energy(rows), rtol=1e-4, atol=2e-3)
    grad = jax.jit(jax.grad(lambda x: jnp.sum(target.energy(x))))(rows)
    np.testing.assert_allclose(state.grad.reshape(-1, 2), grad, rtol=1e-3, atol=2e-3)
    state, info = jax.jit(exchange.step)(KEY, state)
    np.testing.assert_array_equal(info.energy, state.energy)
    np.testing.assert_allclose(info.grad_norm, jnp.linalg.norm(state.grad, axis=-1), rtol=1e-4)


def test_replica_0_is_drawn_afresh():
    """Every round, and nothing but swaps brings it to the others: with a target of far less volume, hardly ever."""
    seen = []
    base = Base(lambda key, num: seen.append(num) or 2.0 * jax.random.normal(key, (num, 2)), base_from(WIDE).log_prob)
    exchange = path_exchange(base, NARROW, betas=[0.0, 1.0], make_kernel=partial(mala, step_size=0.1))
    start = jnp.broadcast_to(jnp.array([[0.6, 0.6]]), (400, 2, 2))
    state, _, x = jax.jit(lambda: run_chain(exchange, KEY, start, 20, collect=lambda s, i: s.position))()
    assert seen == [400]
    old, new = np.asarray(x[1:, :, 0]), np.asarray(x[:-1, :, 0])
    assert not np.any(np.all(old == new, axis=-1))
    # Odd rounds try no pair: there replica 0 is a fresh draw of N(0, 4 I), 4,000 of them in 2-D.
    np.testing.assert_allclose(np.mean(x[1::2, :, 0] ** 2), 4.0, rtol=4 * np.sqrt(2 / 8000))


def test_the_swap_rule_along_a_path():
    """For U_β = β V - log q: U_r(x_r) + U_s(x_s) - U_r(x_s) - U_s(x_r) = (β_r - β_s) (V_r - V_s)."""
    v = jnp.array([[3.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(swap_probability(v, jnp.array([0.0, 0.5]))[:, 0], [np.exp(-1.0), 1.0], rtol=1e-6)


def test_betas_of_smc_make_a_ladder():
    """What `tempered_smc` chose can be handed on as it is, cut at the temperatures that it used."""
    base = base_from(WIDE)
    run = lambda: tempered_smc(KEY, base, NARROW, make_kernel=partial(mala, step_size=0.3), num_particles=100)
    smc = jax.jit(run)()
    betas = smc.betas[: int(smc.num_temperatures) + 1]
    exchange = path_exchange(base, NARROW, betas=betas, make_kernel=partial(mala, step_size=0.3))
    assert exchange.init(jnp.zeros((2, betas.size, 2))).energy.shape == (2, betas.size)


def test_misuse_is_named():
    build = partial(path_exchange, base_from(WIDE), NARROW, make_kernel=partial(mala, step_size=0.1))
    with pytest.raises(ValueError, match="rises from 0 to 1"):
        build(betas=[0.1, 1.0])
    with pytest.raises(ValueError, match=r"must be \[B, 3, ...\], got \(4, 2\)"):
        build(betas=[0.0, 0.5, 1.0]).init(jnp.zeros((4, 2)))
