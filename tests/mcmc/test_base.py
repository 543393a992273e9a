"""The loop: keys, prefixes, averages, collected traces, and how often it is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType, use_abstract_mesh

from ebmjax.energies import bind, standard_normal
from ebmjax.mcmc import Chain, ChainState, Info, Kernel, langevin, run_chain, sample_chain

KEY = jax.random.key(0)
START = jnp.linspace(-1.0, 1.0, 8).reshape(4, 2)


def keep_positions(state, info):
    return state.position


def recording_kernel():
    """Adds 1 to positions; the energy is a number drawn from the step's key, the other reports are plain."""

    def init(position):
        return ChainState(position, jnp.zeros(position.shape[0]), (), jnp.zeros((), jnp.int32), jnp.zeros(()))

    def step(rng_key, state):
        energy = jnp.full_like(state.energy, jax.random.uniform(rng_key))
        info = Info(energy, energy + state.step, jnp.ones_like(energy), jnp.ones_like(energy))
        return ChainState(state.position + 1.0, energy, (), state.step + 1, state.adapt + 1.0), info

    return Kernel(init, step)


def test_keys_averages_and_collected_trace():
    collect = lambda state, info: {"x": state.position, "step": state.step, "energy": info.energy}
    state, mean, trace = run_chain(recording_kernel(), KEY, START, 5, collect=collect)
    draws = np.array([jax.random.uniform(jax.random.fold_in(KEY, i)) for i in range(5)])
    np.testing.assert_allclose(trace["energy"], np.tile(draws[:, None], (1, 4)), rtol=1e-6)
    np.testing.assert_allclose(trace["x"], START + np.arange(1, 6)[:, None, None], rtol=1e-6)
    np.testing.assert_array_equal(trace["step"], np.arange(1, 6))
    np.testing.assert_allclose(mean.energy, np.full(4, draws.mean()), rtol=1e-6)
    np.testing.assert_allclose(mean.grad_norm, np.full(4, draws.mean() + 2.0), rtol=1e-6)
    np.testing.assert_array_equal(mean.acceptance_rate, np.ones(4))
    np.testing.assert_array_equal(mean.num_nonfinite, np.full(4, 5.0))  # a count, not a rate
    assert int(state.step) == 5 and float(state.adapt) == 5.0


def test_adapt_replaces_what_init_puts():
    state, _, collected = run_chain(recording_kernel(), KEY, START, 2, adapt=jnp.full((), 10.0))
    assert float(state.adapt) == 12.0 and collected is None


def test_no_steps_return_the_start():
    state, mean, trace = run_chain(langevin(standard_normal, step_size=0.5), KEY, START, 0, collect=keep_positions)
    np.testing.assert_array_equal(state.position, START)
    np.testing.assert_allclose(state.energy, standard_normal(START), rtol=1e-6)
    assert int(state.step) == 0 and trace.shape == (0, 4, 2)
    assert all(np.array_equal(value, np.zeros(4)) for value in mean)


def test_a_longer_run_begins_with_the_shorter_one():
    kernel = langevin(standard_normal, step_size=0.5)
    short, _, first = run_chain(kernel, KEY, START, 4, collect=keep_positions)
    long, _, whole = run_chain(kernel, KEY, START, 9, collect=keep_positions)
    np.testing.assert_array_equal(whole[:4], first)
    np.testing.assert_array_equal(first[-1], short.position)
    np.testing.assert_array_equal(whole[-1], long.position)
    assert np.all(np.any(whole[1:] != whole[:-1], axis=(1, 2)))
    # Unrolled it is the same chain up to rounding.
    unrolled, _, _ = run_chain(kernel, KEY, START, 9, unroll=4)
    np.testing.assert_allclose(unrolled.position, long.position, atol=1e-6)


def test_position_may_be_a_pytree():
    position = {"top": jnp.zeros((4, 2)), "bottom": (jnp.zeros((4, 3, 3)), jnp.zeros(4))}
    state, mean, trace = run_chain(langevin(standard_normal, step_size=0.5), KEY, position, 3, collect=keep_positions)
    assert jax.tree.map(jnp.shape, state.position) == jax.tree.map(jnp.shape, position)
    assert jax.tree.map(jnp.shape, trace) == jax.tree.map(lambda x: (3, *x.shape), position)
    np.testing.assert_allclose(state.energy, standard_normal(state.position), rtol=1e-5)
    assert mean.energy.shape == (4,)
    noise = np.concatenate([np.asarray(leaf[0]).reshape(4, -1) for leaf in jax.tree.leaves(trace)], axis=1)
    assert len(np.unique(noise)) == noise.size  # from 0 the first step is noise: no leaf reuses another's


def test_compiled_once_a_shape():
    """New keys, positions and parameters of the same shapes compile nothing: counted in calls of the potential."""
    traces = []

    def energy_fn(scale, x):
        traces.append(1)
        return scale * standard_normal(x)

    chain = Chain(lambda potential: langevin(potential, step_size=0.3), num_steps=50, unroll=2)

    @jax.jit
    def run(scale, rng_key, position):
        return sample_chain(chain, bind(energy_fn, scale), rng_key, position)[0].position

    run(1.0, KEY, START)
    calls = len(traces)
    ends = [run(scale, jax.random.key(i), START + i) for i in range(1, 3) for scale in (0.5, 2.0)]
    assert len(traces) == calls <= 4  # init, the body of the scan and its unrolled copy; not one a step
    assert len({float(end.sum()) for end in ends}) == 4
    run(1.0, KEY, START[:2])
    assert calls < len(traces) <= 2 * calls


def test_parameters_of_the_potential_are_differentiable():
    """U = θ ||x||² / 2 without noise: x_K = (1 - s² θ / 2)^K x_0."""
    chain = Chain(lambda potential: langevin(potential, step_size=0.4, noise_scale=0), num_steps=6)
    potential = lambda theta: lambda x: theta * standard_normal(x)
    end = lambda theta: jnp.sum(sample_chain(chain, potential(theta), KEY, START + 1.0)[0].position)
    value, grad = jax.value_and_grad(end)(1.5)
    np.testing.assert_allclose(value, (1 - 0.08 * 1.5) ** 6 * 8.0, rtol=1e-5)
    np.testing.assert_allclose(grad, -6 * 0.08 * (1 - 0.08 * 1.5) ** 5 * 8.0, rtol=1e-5)


@pytest.mark.parametrize(
    "size, name, kind, expected",
    [
        (2, "data", AxisType.Auto, 2),
        (1, "data", AxisType.Auto, 0),
        (3, "data", AxisType.Auto, 0),  # does not divide 4 chains
        (2, "model", AxisType.Auto, 0),
        (2, "data", AxisType.Explicit, 0),
        (2, "data", AxisType.Manual, 0),
        (None, None, None, 0),
    ],
)
def test_chains_are_split_over_the_devices_of_a_mesh(size, name, kind, expected):
    """Both leaves are, where somebody said that there is a mesh; elsewhere the program is the same as ever."""
    kernel, position = langevin(standard_normal, step_size=0.5), {"a": START, "b": START}
    run = lambda x: run_chain(kernel, KEY, x, 2)[0].position
    trace = lambda: str(jax.make_jaxpr(run)(position))
    if size is None:
        found = trace()
    else:
        with use_abstract_mesh(AbstractMesh((size,), (name,), axis_types=(kind,))):
            found = trace()
    assert found.count("sharding_constraint") == expected


def test_misuse_is_named():
    kernel = langevin(lambda x: jnp.sum(x**2), step_size=0.1)
    with pytest.raises(ValueError, match=r"must return energy\[B\] = \(4,\), got shape \(\)"):
        run_chain(kernel, KEY, START, 1)
    with pytest.raises(ValueError, match="same first axis"):
        run_chain(langevin(lambda x: x["a"][:, 0], step_size=0.1), KEY, {"a": START, "b": START[:2]}, 1)


def counting_kernel(energy):
    """Positions stay; the energy after step i is energy(i)."""

    def init(position):
        return ChainState(position, energy(jnp.zeros(position.shape[0])), (), jnp.zeros((), jnp.int32))

    def step(rng_key, state):
        value = energy(jnp.full(state.energy.shape, state.step + 1.0))
        info = Info(value, value / 3.0, 0.7 * jnp.ones_like(value), jnp.zeros_like(value))
        return state._replace(energy=value, step=state.step + 1), info

    return Kernel(init, step)


def test_means_of_long_runs_are_exact_to_float32():
    """10⁴ + i mod 7 over 70,000 steps averages to 10,003: a plain float32 sum is off by 1.9."""
    kernel = counting_kernel(lambda i: 1e4 + i % 7.0)
    mean = jax.jit(lambda x: run_chain(kernel, KEY, x, 70_000)[1])(START)
    np.testing.assert_allclose(mean.energy, 10_003.0, rtol=2e-7)
    np.testing.assert_allclose(mean.grad_norm, 10_003.0 / 3.0, rtol=4e-7)
    np.testing.assert_allclose(mean.acceptance_rate, 0.7, rtol=2e-7)


def test_a_mean_with_an_infinite_energy_is_infinite():
    kernel = counting_kernel(lambda i: jnp.where(i == 2.0, jnp.inf, 1.0))
    assert np.all(run_chain(kernel, KEY, START, 5)[1].energy == np.inf)


def test_kernels_that_know_nothing_of_half_precision_get_float32():
    state, _, x = run_chain(recording_kernel(), KEY, START.astype(jnp.bfloat16), 300, collect=keep_positions)
    assert state.position.dtype == x.dtype == jnp.float32
    np.testing.assert_allclose(state.position, START.astype(jnp.bfloat16).astype(jnp.float32) + 300.0)
