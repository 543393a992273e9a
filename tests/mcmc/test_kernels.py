"""Contracts of every kernel, over a table of constructors: adding a line enrols a kernel."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import banana, gaussian, mixture, standard_normal
from ebmjax.mcmc import KERNELS, hmc, independence_mh, langevin, metropolis, neural_transport, run_chain

KEY = jax.random.key(0)
ROWS = 64


class Case(NamedTuple):
    """build: (potential, like, step_size) -> Kernel, `like` being a position of the shapes that will come.

    exact: leaves its target invariant at any step size; else the invariance test takes small steps.
    latent: positions are z with x = sinh(z). injected: noise comes from `pytree.normal_like` and
    `metropolis.uniform_rows`, so that a test can permute it.
    """

    build: Callable
    step_size: float = 0.5
    exact: bool = True
    latent: bool = False
    injected: bool = True


def plain(builder, **options):
    return lambda potential, like, step_size: builder(potential, step_size=step_size, **options)


def wide_proposal(potential, like, step_size):
    """Independence proposals from N(0, (4 step_size)²) in every coordinate."""
    sd = 4.0 * step_size
    rows = lambda num: jax.tree.map(lambda a: jnp.zeros((num, *a.shape[1:]), a.dtype), like)
    sample = lambda rng_key, num: jax.tree.map(lambda e: sd * e, pytree.normal_like(rng_key, rows(num)))
    return independence_mh(potential, sample=sample, log_prob=lambda x: -standard_normal(x) / sd**2)


def sinh_transport(z):
    log_det = pytree.sum_rows(jax.tree.map(lambda z: jnp.logaddexp(z, -z) - float(np.log(2.0)), z))
    return jax.tree.map(jnp.sinh, z), log_det


def through_sinh(potential, like, step_size):
    """HMC in the coordinates z = arcsinh(x); positions handed to it are x."""
    inner = partial(hmc, step_size=step_size, num_leapfrog=3)
    inverse = lambda x: jax.tree.map(jnp.arcsinh, x)
    return neural_transport(potential, transport=sinh_transport, make_kernel=inner, inverse=inverse)


TABLE = {
    "langevin": Case(plain(langevin), exact=False),
    "mala": Case(plain(KERNELS["mala"])),
    "hmc": Case(plain(hmc, num_leapfrog=4)),
    "hmc_jitter_mass": Case(plain(hmc, num_leapfrog=4, jitter=0.5, inverse_mass=0.7)),
    "underdamped": Case(plain(KERNELS["underdamped"], friction=2.0), exact=False),
    "independence_mh": Case(wide_proposal),
    "neural_transport": Case(through_sinh, latent=True),
    "blackjax_nuts": Case(plain(KERNELS["blackjax_nuts"], max_num_doublings=4), injected=False),
    "blackjax_barker": Case(plain(KERNELS["blackjax_barker"]), injected=False),
    "blackjax_mclmc": Case(plain(KERNELS["blackjax_mclmc"]), exact=False, injected=False),
}
every_kernel = pytest.mark.parametrize("name", TABLE)


def walled(x):
    """N(0, I) in 2-D between walls: NaN beyond x_0 = 2, infinite beyond -2."""
    return jnp.where(x[:, 0] > 2.0, jnp.nan, jnp.where(x[:, 0] < -2.0, jnp.inf, standard_normal(x)))


def start():
    return jnp.asarray(np.clip(np.random.default_rng(0).normal(size=(ROWS, 2)), -1.9, 1.9), jnp.float32)


def seen(case, state):
    """What a test looks at: x itself, whichever coordinates the kernel moves in."""
    return sinh_transport(state.position)[0] if case.latent else state.position


@cache
def compiled(name, num_steps=20):
    """A jitted chain on `walled`, its trace of (x, energy, Info), and how often the potential was traced."""
    case, traces = TABLE[name], []

    def potential(scale, x):
        traces.append(1)
        return walled(scale * x)

    @jax.jit
    def run(rng_key, position, scale):
        kernel = case.build(partial(potential, scale), position, case.step_size)
        collect = lambda state, info: (seen(case, state), state.energy, state.grad, info)
        return run_chain(kernel, rng_key, position, num_steps, collect=collect)

    return lambda rng_key, position, scale=1.0: run(rng_key, position, scale), traces


def shapes(tree):
    return jax.tree.map(lambda a: (a.shape, a.dtype), tree)


def layers(dtype):
    return {"top": jnp.ones((4, 2), dtype), "bottom": (jnp.zeros((4, 3, 2), dtype), 0.5 * jnp.ones(4, dtype))}


def test_every_registered_kernel_is_enrolled_and_needs_no_option_but_its_step_size():
    assert set(KERNELS) <= set(TABLE)
    for builder in KERNELS.values():
        kernel = builder(standard_normal, step_size=0.3)
        jax.eval_shape(lambda x: run_chain(kernel, KEY, x, 1), start())


@every_kernel
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype_shape_and_structure_are_kept(name, dtype):
    """Abstractly, so nothing is compiled: arrays and pytrees with leaves of several ranks."""
    case = TABLE[name]
    if dtype == jnp.bfloat16 and not case.injected:
        pytest.skip("blackjax mixes bfloat16 with float32")
    with jax.enable_x64(dtype == jnp.float64):
        for position in (jnp.ones((4, 2), dtype), layers(dtype)):
            kernel = case.build(standard_normal, position, case.step_size)
            before = jax.eval_shape(kernel.init, position)
            state, info, _ = jax.eval_shape(lambda x: run_chain(kernel, KEY, x, 3), position)
            expected = shapes(position)
            assert shapes(state.position) == expected
            assert not jax.tree.leaves(state.grad) or shapes(state.grad) == expected
            assert state.energy.shape == (4,) and state.energy.dtype == dtype
            assert [a.shape for a in info] == [(4,)] * 4
            assert shapes(before) == shapes(state)


@every_kernel
def test_a_pytree_moves_in_every_leaf_and_caches_its_energy(name):
    case, position = TABLE[name], {"top": jnp.ones((4, 2)), "bottom": (jnp.zeros((4, 3)),)}
    kernel = case.build(standard_normal, position, 0.3)
    state, info, _ = jax.jit(lambda key: run_chain(kernel, key, position, 12))(KEY)
    x = seen(case, state)
    moved = jax.tree.map(lambda a, b: np.mean(np.asarray(a) != np.asarray(b)), x, position)
    assert all(fraction > 0.5 for fraction in jax.tree.leaves(moved))
    values = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(x)])
    assert len(np.unique(values)) > 0.7 * values.size  # leaves and rows have noise of their own
    if not case.latent:
        np.testing.assert_allclose(state.energy, standard_normal(state.position), rtol=1e-5)
    assert np.all(info.num_nonfinite == 0)


@every_kernel
def test_one_trace_and_the_key_decides(name):
    run, traces = compiled(name)
    first = run(KEY, start())
    calls = len(traces)
    again = run(KEY, start())
    jax.tree.map(np.testing.assert_array_equal, first, again)
    other = run(jax.random.key(1), start(), 0.9)
    assert len(traces) == calls
    assert np.mean(np.asarray(first[2][0][-1] != other[2][0][-1])) > 0.5


@every_kernel
def test_other_rows_do_not_notice_a_changed_row(name):
    """Bit for bit, even if that row starts outside the walls or far away."""
    run, _ = compiled(name)
    reference = run(KEY, start())
    for row in (jnp.array([0.5, 1e4]), jnp.array([jnp.nan, 0.0]), jnp.array([-5.0, 0.0])):
        state, _, trace = run(KEY, start().at[3].set(row))
        for a, b in zip(jax.tree.leaves(trace), jax.tree.leaves(reference[2])):
            np.testing.assert_array_equal(np.delete(a, 3, 1), np.delete(b, 3, 1))


@every_kernel
def test_non_finite_proposals_are_rejected_and_counted(name):
    run, _ = compiled(name)
    x0 = start()
    state, total, (x, energy, grad, info) = run(KEY, x0)
    assert np.all(np.abs(x[..., 0]) <= 2.0) and np.all(np.isfinite(x)) and np.all(np.isfinite(energy))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((grad, info)))
    counted = np.asarray(info.num_nonfinite)
    assert set(np.unique(counted)) == {0.0, 1.0} and np.mean(counted) < 0.6
    np.testing.assert_array_equal(total.num_nonfinite, counted.sum(0))
    if TABLE[name].injected:  # blackjax's trajectories may go on elsewhere
        assert np.all(np.asarray(info.acceptance_rate)[counted == 1] == 0.0)
        before = np.concatenate([np.asarray(x0)[None], x[:-1]])
        np.testing.assert_allclose(np.asarray(x)[counted == 1], before[counted == 1], rtol=1e-5)
    if not TABLE[name].latent:
        np.testing.assert_allclose(energy, 0.5 * np.sum(np.square(x), -1), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(energy[-1], state.energy)
        if jax.tree.leaves(state.grad):  # what is cached belongs to the position that was kept
            np.testing.assert_allclose(grad, x, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(info.grad_norm, np.linalg.norm(x, axis=-1), rtol=1e-4)


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.injected])
def test_permuting_positions_and_noise_permutes_the_output(name):
    """Noise is drawn by row of numpy arrays instead, and handed out in the order of the positions."""
    case = TABLE[name]

    @jax.jit
    def run(position, order):
        rng = np.random.default_rng(0)
        normal = lambda _, tree: jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), a.dtype)[order], tree)
        uniform = lambda _, like: jnp.asarray(rng.uniform(size=like.shape), like.dtype)[order]
        kernel = case.build(walled, position, case.step_size)
        with mock.patch.object(pytree, "normal_like", normal), mock.patch.object(metropolis, "uniform_rows", uniform):
            state, infos = kernel.init(position), []
            for i in range(3):
                state, info = kernel.step(jax.random.fold_in(KEY, i), state)
                infos.append(info)
        return seen(case, state), infos

    identity, order = np.arange(ROWS), np.random.default_rng(1).permutation(ROWS)
    expected, found = run(start(), identity), run(start()[order], order)
    assert np.mean(expected[0] != start()) > 0.3
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[order], b), expected, found)


def test_without_noise_gradient_descent_is_exactly_equivariant():
    order = np.random.default_rng(1).permutation(ROWS)
    run = jax.jit(lambda x: run_chain(langevin(walled, step_size=0.3, noise_scale=0), KEY, x, 5)[0].position)
    np.testing.assert_array_equal(run(start()[order]), run(start())[order])


def second_moments(mean, covariance):
    m, c = np.asarray(mean), np.asarray(covariance)
    return np.array([*m, c[0, 0] + m[0] ** 2, c[0, 1] + m[0] * m[1], c[1, 1] + m[1] ** 2])


WEIGHTS, CENTRES, SD = np.array([0.3, 0.7]), np.array([[-1.2, 0.0], [1.2, 0.5]]), 0.6
TARGETS = {
    "gaussian": (gaussian([1.0, -0.5], np.diag([1.0, 0.25])), second_moments([1.0, -0.5], np.diag([1.0, 0.25]))),
    "correlated": (
        gaussian([0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]]),
        second_moments([0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]]),
    ),
    # x_0 ~ N(0, 1), x_1 ~ N(b (x_0² - 1), 1) with b = 0.5: E x_1² = 1 + 2 b².
    "banana": (banana(2, 1.0, 0.5), second_moments([0.0, 0.0], [[1.0, 0.0], [0.0, 1.5]])),
    "mixture": (
        mixture(CENTRES, SD, WEIGHTS),
        second_moments([0.0, 0.0], SD**2 * np.eye(2) + np.einsum("k,ki,kj->ij", WEIGHTS, CENTRES, CENTRES))
        + np.array([*(WEIGHTS @ CENTRES), 0.0, 0.0, 0.0]),
    ),
}


@cache
def exact_draws(target_name):
    return TARGETS[target_name][0].sample(jax.random.key(3), 8192)


@every_kernel
def test_the_target_is_invariant(name):
    """From exact draws, means and second moments stay within 4 standard errors of their exact values.

    8,192 chains, 15 steps. Unadjusted kernels take small steps; what bias s² / (4σ²) they have there is below 0.015
    of a second moment and is granted.
    """
    case, energies = TABLE[name], [target.energy for target, _ in TARGETS.values()]
    step_size, bias = (case.step_size, 0.0) if case.exact else (0.1, 0.015)

    @jax.jit  # one compilation for the four targets
    def run(which, position):
        potential = lambda x: jnp.select([which == i for i in range(4)], [energy(x) for energy in energies])
        state, info, _ = run_chain(case.build(potential, position, step_size), jax.random.key(2), position, 15)
        return seen(case, state), info

    for i, (target_name, (_, expected)) in enumerate(TARGETS.items()):
        x0 = exact_draws(target_name)
        x, info = run(i, x0)
        assert np.mean(np.asarray(x) != np.asarray(x0)) > 0.9
        assert 0.15 < np.mean(info.acceptance_rate) <= 1.0
        x = np.asarray(x, np.float64)
        values = np.stack([x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2], axis=1)
        error = values.std(0) / np.sqrt(len(x))
        deviation = np.abs(values.mean(0) - expected)
        assert np.all(deviation < 4.0 * error + bias), (target_name, deviation / error)
