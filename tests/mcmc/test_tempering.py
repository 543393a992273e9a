"""Replica exchange: closed forms of Gaussians, the even-odd scheme, and two modes that one temperature never joins."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import gaussian_nll, mixture, standard_normal
from ebmjax.mcmc import ChainState, Info, Kernel, langevin, mala, replica_exchange, run_chain, underdamped
from ebmjax.mcmc.swaps import swap_probability, swap_source

KEY = jax.random.key(0)
LADDER = jnp.array([1.0, 2.0, 6.0])


def exact(potential):
    """Independent draws of N(0, I), whatever the potential: with it swaps are all that can break a distribution."""

    def init(position):
        return ChainState(position, potential(position), (), jnp.zeros((), jnp.int32))

    def step(rng_key, state):
        position = jax.random.normal(rng_key, state.position.shape)
        energy = potential(position)
        info = Info(energy, jnp.zeros_like(energy), jnp.ones_like(energy), jnp.zeros_like(energy))
        return ChainState(position, energy, (), state.step + 1), info

    return Kernel(init, step)


def still(potential):
    """Chains that never move."""
    return exact(potential)._replace(step=lambda key, state: (state, Info(*[jnp.ones_like(state.energy)] * 4)))


def start(num_chains, ladder, dim=2):
    return jnp.sqrt(ladder)[:, None] * jax.random.normal(jax.random.key(9), (num_chains, ladder.size, dim))


def moments(kernel, position, num_steps):
    """Mean square of x at each temperature, its standard error over chains, and the final state and info."""
    collect = lambda state, info: jnp.mean(state.position**2, axis=-1)
    run = jax.jit(lambda key, x: run_chain(kernel, key, x, num_steps, collect=collect))
    state, info, squares = run(KEY, position)
    squares = np.mean(squares, axis=0)
    return squares.mean(0), squares.std(0, ddof=1) / np.sqrt(len(squares)), state, info


def test_every_temperature_keeps_its_gaussian():
    """Variance T of N(0, T I) at every T, within 4 standard errors over independent, stationary chains."""
    kernel = replica_exchange(standard_normal, temperatures=LADDER, make_kernel=partial(mala, step_size=1.0))
    mean, error, state, info = moments(kernel, start(512, LADDER), 200)
    np.testing.assert_allclose((mean - LADDER) / error, 0.0, atol=4.0)
    assert np.all(error < 0.03 * LADDER)
    # One step size serves the ladder: moves are accepted as often at every temperature.
    np.testing.assert_allclose(np.mean(info.acceptance_rate, 0), np.mean(info.acceptance_rate), rtol=0.02)
    assert info.acceptance_rate.shape == state.energy.shape == (512, 3) and state.grad.shape == state.position.shape


def test_state_holds_the_untempered_energy_and_gradient():
    potential = mixture(((0.0, 0.0), (2.0, 1.0)), 0.7).energy
    kernel = replica_exchange(potential, temperatures=LADDER, make_kernel=partial(mala, step_size=0.5))
    state, info, _ = jax.jit(lambda: run_chain(kernel, KEY, start(16, LADDER), 7))()
    rows = state.position.reshape(-1, 2)
    np.testing.assert_allclose(state.energy.reshape(-1), potential(rows), rtol=1e-4, atol=1e-5)
    grad = jax.jit(jax.grad(lambda x: jnp.sum(potential(x))))(rows)
    np.testing.assert_allclose(state.grad.reshape(-1, 2), grad, rtol=1e-4, atol=1e-4)
    last = jax.jit(kernel.step)(KEY, state)
    np.testing.assert_array_equal(last[1].energy, last[0].energy)
    np.testing.assert_allclose(last[1].grad_norm, jnp.linalg.norm(last[0].grad, axis=-1), rtol=1e-4, atol=1e-6)


def test_swap_rate_closed_form():
    """E of N(0, T I) in 2-D is exponential with mean T: a swap is accepted with probability 2 / (1 + T' / T)."""
    kernel = replica_exchange(standard_normal, temperatures=LADDER, make_kernel=exact)
    mean, error, state, _ = moments(kernel, start(1000, LADDER), 40)
    # 20 attempts of 1000 chains, standard deviation of min(1, ratio) below 0.4: error below 0.003.
    np.testing.assert_allclose(state.adapt.swap_rate, [2 / 3, 2 / 4], atol=4 * 0.003)
    np.testing.assert_allclose((mean - LADDER) / error, 0.0, atol=4.0)


def test_equal_temperatures_always_swap_even_then_odd():
    """Acceptance 1: positions that do not move themselves are carried along the ladder, one place a round."""
    kernel = replica_exchange(standard_normal, temperatures=jnp.full(4, 3.0), make_kernel=still)
    position = jnp.broadcast_to(jnp.arange(4.0)[:, None], (5, 4, 1))
    run = jax.jit(lambda: run_chain(kernel, KEY, position, 4, collect=lambda s, info: s.position[:, :, 0]))
    state, _, rounds = run()
    expected = [[1, 0, 3, 2], [1, 3, 0, 2], [3, 1, 2, 0], [3, 2, 1, 0]]
    np.testing.assert_allclose(rounds, np.broadcast_to(np.array(expected)[:, None], (4, 5, 4)), rtol=1e-6)
    np.testing.assert_array_equal(state.adapt.swap_rate, np.ones(3))
    np.testing.assert_allclose(state.energy, 0.5 * state.position[:, :, 0] ** 2, rtol=1e-6)


def test_rounds_alternate_across_runs_of_one_step():
    """`init` resets the step; the parity is in `adapt`, or else odd pairs would never swap."""
    kernel = replica_exchange(standard_normal, temperatures=jnp.ones(3), make_kernel=still)
    state = kernel.init(jnp.broadcast_to(jnp.arange(3.0)[:, None], (2, 3, 1)))
    run = jax.jit(lambda key, state: run_chain(kernel, key, state.position, 1, adapt=state.adapt)[0])
    for i in range(2):
        state = run(jax.random.key(i), state)
    np.testing.assert_array_equal(state.position[0, :, 0], [1, 2, 0])
    assert int(state.adapt.num_rounds) == 2


def test_swap_rule():
    probability = swap_probability(jnp.array([[1.0, 3.0], [3.0, 1.0], [jnp.nan, 1.0], [jnp.inf, 1.0]]), 1 / LADDER[:2])
    np.testing.assert_allclose(probability[:, 0], [np.exp(-1.0), 1.0, 0.0, 1.0], rtol=1e-6)
    source = swap_source(jnp.array([[True, False, True], [False, True, False]]))
    np.testing.assert_array_equal(source, [[1, 0, 3, 2], [0, 2, 1, 3]])


@pytest.mark.slow
def test_two_modes_are_joined():
    """Modes ±4 of width 0.5, a barrier of 31 nats: MALA from one never sees the other, replica exchange halves."""
    target = mixture(((-4.0, 0.0), (4.0, 0.0)), 0.5)
    make_kernel, start = partial(mala, step_size=0.5), jnp.tile(jnp.array([-4.0, 0.0]), (400, 1))
    side = lambda state, info: state.position[:, ..., 0] > 0
    alone, _, _ = jax.jit(lambda: run_chain(make_kernel(target.energy), KEY, start, 600))()
    assert not np.any(alone.position[:, 0] > 0)
    ladder = jnp.geomspace(1.0, 40.0, 7)
    kernel = replica_exchange(target.energy, temperatures=ladder, make_kernel=make_kernel)
    position = jnp.repeat(start[:, None], ladder.size, axis=1)
    state, _, right = jax.jit(lambda: run_chain(kernel, KEY, position, 600, collect=side))()
    # The last state of 400 independent chains: a binomial fraction, standard deviation 0.025.
    np.testing.assert_allclose(np.mean(right[-1, :, 0]), 0.5, atol=4 * 0.025)
    cold = state.position[:, 0]
    spread = np.asarray(cold - 4.0 * jnp.sign(cold[:, :1]) * jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(spread.std(), 0.5, rtol=4 / np.sqrt(2 * spread.size))
    assert np.all(state.adapt.swap_rate > 0.2)


@pytest.mark.parametrize(
    "make_kernel", [partial(langevin, step_size=1.0), partial(underdamped, step_size=1.0, friction=1.0)]
)
def test_unadjusted_kernels_and_pytrees(make_kernel):
    """They keep their bias, relative to T: variance T / (1 - s² / 4). A momentum does not mind the swaps.

    The ladder is so steep that swaps, which take replicas for unbiased, are rare.
    """
    ladder = jnp.array([1.0, 50.0])
    position = {"a": start(600, ladder, dim=1), "b": (start(600, ladder),)}
    kernel = replica_exchange(standard_normal, temperatures=ladder, make_kernel=make_kernel)
    collect = lambda state, info: state.position["b"][0] ** 2
    state, _, squares = jax.jit(lambda: run_chain(kernel, KEY, position, 120, collect=collect))()
    assert jax.tree.map(jnp.shape, state.position) == jax.tree.map(jnp.shape, position)
    assert 0.0 < state.adapt.swap_rate[0] < 0.03
    # 600 chains, 2 coordinates, 100 steps that are worth at least 40: relative error below sqrt(2 / 48000) = 0.0065.
    np.testing.assert_allclose(np.mean(squares[20:], axis=(0, 1, 3)) / ladder, 4 / 3, rtol=4 * 0.0065)


def test_potential_bound_to_examples():
    """Row b of the potential knows example b, at every temperature: posterior mean x / 2 of N(z; 0, 1) N(x; z, 1)."""
    x = jnp.array([[-6.0], [0.0], [6.0]])
    potential = lambda z: standard_normal(z) + gaussian_nll(lambda y: y, x, 1.0)(z)
    kernel = replica_exchange(potential, temperatures=LADDER[:2], make_kernel=partial(mala, step_size=0.7))
    run = jax.jit(lambda: run_chain(kernel, KEY, jnp.zeros((3, 2, 1)), 3000, collect=lambda s, i: s.position[..., 0]))
    means = np.mean(run()[2][200:], axis=0)
    np.testing.assert_allclose(means, np.array([[-3.0] * 2, [0.0] * 2, [3.0] * 2]), atol=0.25)


def test_one_trace_for_every_ladder():
    traces = []

    def potential(x):
        traces.append(1)
        return standard_normal(x)

    @jax.jit
    def run(temperatures, position):
        kernel = replica_exchange(potential, temperatures=temperatures, make_kernel=partial(mala, step_size=1.0))
        return run_chain(kernel, KEY, position, 3)[0].position

    ends = [run(jnp.geomspace(1.0, high, 3), start(4, LADDER)) for high in (2.0, 5.0, 9.0)]
    assert len(traces) == 2  # init, and the body of the scan
    assert len({float(jnp.sum(end)) for end in ends}) == 3


def test_chains_do_not_touch_each_other():
    kernel = replica_exchange(standard_normal, temperatures=LADDER, make_kernel=partial(mala, step_size=1.0))
    x = start(6, LADDER)
    run = jax.jit(lambda x: run_chain(kernel, KEY, x, 5)[0].position)
    end, other = run(x), run(x.at[2].add(1.0))
    np.testing.assert_array_equal(np.any(end != other, axis=(1, 2)), np.arange(6) == 2)


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"temperatures must be a vector \[R\]"):
        replica_exchange(standard_normal, temperatures=2.0, make_kernel=exact)
    kernel = replica_exchange(standard_normal, temperatures=LADDER, make_kernel=exact)
    with pytest.raises(ValueError, match=r"must be \[B, 3, ...\], got \(4, 2\)"):
        kernel.init(jnp.zeros((4, 2)))
    scalar = replica_exchange(jnp.sum, temperatures=LADDER, make_kernel=partial(mala, step_size=1.0))
    with pytest.raises(ValueError, match="a potential must return"):
        scalar.init(jnp.zeros((4, 3, 2)))
