"""Ladders placed from swap rates: Gaussians in 2-D, for which rates, barrier and the best ladder are known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import (
    adapt_step_size,
    cumulative_barrier,
    mala,
    replica_exchange,
    run_chain,
    tune_betas,
    tune_temperatures,
    warm_up_ladder,
)
from tests.mcmc.test_tempering import exact, start

KEY = jax.random.key(0)
BEST = np.geomspace(1.0, 16.0, 6)


def rates(temperatures):
    """Of swaps of N(0, T I) in 2-D, whose energies are exponential: 2 / (1 + T' / T). Equal on a geometric ladder."""
    return 2.0 / (1.0 + temperatures[1:] / temperatures[:-1])


def test_barrier_of_gaussians():
    """λ(β) = E|E - E'| / 2 = T / 2, so Λ = log(T_max) / 2 from T = 1, and Λ(T) = log(T) / 2 on the way."""
    ladder = np.geomspace(1.0, 16.0, 400)
    barrier = cumulative_barrier(rates(ladder))
    np.testing.assert_allclose(barrier, 0.5 * np.log(ladder), atol=0.01)
    assert barrier.shape == (400,) and barrier[0] == 0.0


def test_the_best_ladder_is_found_and_kept():
    tune, ladder = jax.jit(tune_temperatures), np.linspace(1.0, 16.0, 6)
    errors = []
    for _ in range(6):
        ladder = np.asarray(tune(rates(ladder), ladder))
        errors.append(np.max(np.abs(np.log(ladder / BEST))))
    assert errors[-1] < 1e-3 and errors[1] < 0.5 * errors[0]
    np.testing.assert_allclose(tune_temperatures(rates(BEST), BEST), BEST, rtol=1e-5)
    # More or fewer of them, between the same ends.
    for num in (2, 4, 11):
        placed = tune_temperatures(rates(BEST), BEST, num)
        np.testing.assert_allclose(placed, np.geomspace(1.0, 16.0, num), rtol=1e-5)
        assert placed[0] == 1.0 and placed[-1] == 16.0


def test_betas_share_the_barrier():
    """Half of the barrier lies between 0 and 0.1; of three replicas the middle one is there."""
    np.testing.assert_allclose(tune_betas([0.5, 0.8, 0.7], [0.0, 0.1, 0.4, 1.0], 3), [0.0, 0.1, 1.0], rtol=1e-5)
    np.testing.assert_allclose(tune_betas([1.0, 1.0], [0.0, 0.2, 1.0]), [0.0, 0.2, 1.0], rtol=1e-5)


def test_warm_up_places_the_ladder():
    """From rates measured with exact draws: 500 chains, 40 rounds of swaps, a rate to 0.003, a step of log T to 1 %."""
    make_exchange = lambda t: replica_exchange(standard_normal, temperatures=t, make_kernel=exact)
    first = jnp.linspace(1.0, 16.0, 6)
    run = lambda: warm_up_ladder(KEY, start(500, first), make_exchange, first, num_steps=40, num_rounds=6)
    ladder = jax.jit(run)()
    np.testing.assert_allclose(jnp.log(ladder.points), np.log(BEST), atol=4 * 0.01)
    assert ladder.swap_rate.shape == (6, 5) and ladder.barrier.shape == (6,)
    np.testing.assert_allclose(ladder.swap_rate[0], rates(np.asarray(first)), atol=4 * 0.003)
    np.testing.assert_allclose(ladder.swap_rate[-1], rates(BEST), atol=0.02)
    np.testing.assert_allclose(ladder.barrier, 5 - np.sum(ladder.swap_rate, axis=1), rtol=1e-5)
    assert ladder.adapt.num_rounds == 0 and not np.any(ladder.adapt.round_trips)


def test_warm_up_keeps_what_the_kernel_learned():
    """The step size goes on from one ladder to the next, and into the run that follows."""
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.1, target=0.6)
    make_exchange = lambda t: replica_exchange(standard_normal, temperatures=t, make_kernel=kernel)

    @jax.jit
    def run():
        first = jnp.array([1.0, 2.0])
        ladder = warm_up_ladder(KEY, start(16, first), make_exchange, first, num_steps=25, num_rounds=3)
        state, _, _ = run_chain(make_exchange(ladder.points), KEY, ladder.position, 5, adapt=ladder.adapt)
        return ladder, state

    ladder, state = run()
    assert ladder.adapt.kernel.count == 75 and state.adapt.kernel.count == 80 and state.adapt.num_rounds == 5
    assert np.exp(ladder.adapt.kernel.log_average) > 0.5


def test_misuse_is_named():
    make_exchange = lambda t: replica_exchange(standard_normal, temperatures=t, make_kernel=exact)
    with pytest.raises(ValueError, match="num_steps must be at least 2"):
        warm_up_ladder(KEY, start(4, jnp.ones(2)), make_exchange, [1.0, 2.0], num_steps=1)
    with pytest.raises(ValueError, match="ladder: num_replicas must be an integer >= 2, got 1"):
        tune_temperatures([0.5], [1.0, 2.0], 1)
