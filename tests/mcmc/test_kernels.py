"""Contracts of every kernel, over a table of constructors: adding a line enrols a kernel."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import standard_normal
from ebmjax.mcmc import (
    KERNELS,
    UNADJUSTED,
    Base,
    adapt_step_size,
    dense_mass,
    hmc,
    independence_mh,
    langevin,
    mala,
    neural_transport,
    path_exchange,
    replica_exchange,
    run_chain,
    underdamped,
)
from ebmjax.mcmc.underdamped import Momentum

KEY = jax.random.key(0)
ROWS = 64


class Case(NamedTuple):
    """build: (potential, like, step_size) -> Kernel, `like` being a position of the shapes that will come.

    exact: leaves its target invariant at any step size; else the invariance test takes small steps.
    latent: positions are z with x = sinh(z).
    temperatures, betas: of R replicas a chain; positions are then `[B, R, ...]`. With betas the last one is the target.
    coupled: chains share a step size that adapts, so they do notice each other. foreign: the steps are blackjax's.
    """

    build: Callable
    step_size: float = 0.5
    exact: bool = True
    latent: bool = False
    temperatures: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    coupled: bool = False
    foreign: bool = False

    @property
    def num_replicas(self):
        return len(self.temperatures or self.betas)


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


def with_dense_mass(potential, like, step_size):
    """HMC whose mass couples all entries of a position."""
    dim = pytree.row_size(like)
    mass = dense_mass(np.eye(dim) + 0.5 * np.ones((dim, dim)))
    return hmc(potential, step_size=step_size, num_leapfrog=4, inverse_mass=mass)


LADDER = (1.0, 1.4, 2.0)


def adapting(potential, like, step_size, **options):
    return adapt_step_size(potential, make_kernel=mala, step_size=step_size, target=0.6, **options)


def tempered(potential, like, step_size):
    return replica_exchange(potential, temperatures=LADDER, make_kernel=partial(mala, step_size=step_size))


PATH, NARROW = (0.0, 0.5, 1.0), 0.4


def along_path(potential, like, step_size):
    """From N(0, NARROW² I), whose constant no chain sees."""
    rows = lambda num: jax.tree.map(lambda a: jnp.zeros((num, *a.shape[2:]), a.dtype), like)
    sample = lambda rng_key, num: jax.tree.map(lambda e: NARROW * e, pytree.normal_like(rng_key, rows(num)))
    base = Base(sample, lambda x: -standard_normal(x) / NARROW**2)
    return path_exchange(base, potential, betas=PATH, make_kernel=partial(mala, step_size=step_size))


TABLE = {
    "langevin": Case(plain(langevin), exact=False),
    "mala": Case(plain(mala)),
    "hmc": Case(plain(hmc, num_leapfrog=4)),
    "hmc_jitter_mass": Case(plain(hmc, num_leapfrog=4, jitter=0.5, inverse_mass=0.7)),
    "hmc_dense_mass": Case(with_dense_mass),
    "underdamped": Case(plain(underdamped, friction=2.0), exact=False),
    "underdamped_baoab": Case(plain(underdamped, friction=2.0, splitting="BAOAB"), exact=False),
    "independence_mh": Case(wide_proposal),
    "neural_transport": Case(through_sinh, latent=True),
    "adapt_step_size": Case(adapting, coupled=True),
    "adapt_step_size_frozen": Case(partial(adapting, num_adapt=0)),
    "replica_exchange": Case(tempered, temperatures=LADDER),
    "path_exchange": Case(along_path, betas=PATH),
    "blackjax_nuts": Case(plain(KERNELS["blackjax_nuts"], max_num_doublings=4), foreign=True),
    "blackjax_barker": Case(plain(KERNELS["blackjax_barker"]), foreign=True),
    "blackjax_mclmc": Case(plain(KERNELS["blackjax_mclmc"]), exact=False, foreign=True),
}
# Combinations of what the others test, and blackjax's own steps, which take long to compile.
HEAVY = {
    "hmc_jitter_mass",
    "hmc_dense_mass",
    "underdamped_baoab",
    "adapt_step_size_frozen",
    *(name for name, case in TABLE.items() if case.foreign),
}
every_kernel = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in TABLE]
)


def walled(x):
    """N(0, I) in 2-D between walls: NaN beyond x_0 = 2, infinite beyond -2."""
    return jnp.where(x[:, 0] > 2.0, jnp.nan, jnp.where(x[:, 0] < -2.0, jnp.inf, standard_normal(x)))


def start():
    return jnp.asarray(np.clip(np.random.default_rng(0).normal(size=(ROWS, 2)), -1.9, 1.9), jnp.float32)


def spread(case, position):
    """x `[B, ...]` as the kernel keeps it: the same at all temperatures, if it has several."""
    num = case.num_replicas
    return jax.tree.map(lambda a: jnp.repeat(a[:, None], num, axis=1), position) if num else position


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
        position = spread(case, position)
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
    for name, builder in KERNELS.items():
        kernel = builder(standard_normal, step_size=0.3)
        assert kernel.adjusted == (name not in UNADJUSTED)
        jax.eval_shape(lambda x: run_chain(kernel, KEY, x, 1), start())


@every_kernel
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype_shape_and_structure_are_kept(name, dtype):
    """Abstractly, so nothing is compiled: arrays and pytrees with leaves of several ranks. bfloat16 runs as float32."""
    case = TABLE[name]
    with jax.enable_x64(dtype == jnp.float64):
        for position in (spread(case, jnp.ones((4, 2), dtype)), spread(case, layers(dtype))):
            chains = jax.tree.leaves(position)[-1].shape[:2] if case.num_replicas else (4,)
            kernel = case.build(standard_normal, position, case.step_size)
            before = jax.eval_shape(kernel.init, position)
            state, info, _ = jax.eval_shape(lambda x: run_chain(kernel, KEY, x, 3), position)
            wide = jnp.promote_types(dtype, jnp.float32)
            expected = jax.tree.map(lambda a: (a.shape, wide), position)
            assert shapes(state.position) == expected
            assert not jax.tree.leaves(state.grad) or shapes(state.grad) == expected
            assert state.energy.shape == chains and state.energy.dtype == wide
            assert [a.shape for a in info] == [chains] * len(info)
            assert shapes(before) == shapes(state)


@every_kernel
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_starts_are_those_rounded_to_it(name, dtype):
    """The first state is that of the same numbers in float32, from which the same program goes on."""
    case = TABLE[name]
    half = spread(case, start().astype(dtype))
    wide = half.astype(jnp.float32)
    found, expected = (case.build(standard_normal, wide, case.step_size).init(x) for x in (half, wide))
    assert shapes(found) == shapes(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@every_kernel
def test_a_pytree_moves_in_every_leaf_and_caches_its_energy(name):
    case = TABLE[name]
    position = spread(case, {"top": jnp.ones((4, 2)), "bottom": (jnp.zeros((4, 3)),)})
    kernel = case.build(standard_normal, position, 0.3)
    state, info, _ = jax.jit(lambda key: run_chain(kernel, key, position, 12))(KEY)
    x = seen(case, state)
    moved = jax.tree.map(lambda a, b: np.mean(np.asarray(a) != np.asarray(b)), x, position)
    assert all(fraction > 0.5 for fraction in jax.tree.leaves(moved))
    values = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(x)])
    assert len(np.unique(values)) > 0.7 * values.size  # leaves and rows have noise of their own
    if not case.latent:
        square = lambda a: jnp.sum(a**2, axis=-1)
        expected = 0.5 * (square(state.position["top"]) + square(state.position["bottom"][0]))
        np.testing.assert_allclose(state.energy, expected, rtol=1e-5)
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
    """Bit for bit, even if that row starts outside the walls or far away; where a step size adapts, they survive."""
    run, _ = compiled(name)
    reference = run(KEY, start())
    for row in (jnp.array([0.5, 1e4]), jnp.array([jnp.nan, 0.0]), jnp.array([-5.0, 0.0])):
        state, _, trace = run(KEY, start().at[3].set(row))
        for a, b in zip(jax.tree.leaves(trace), jax.tree.leaves(reference[2])):
            if TABLE[name].coupled:
                assert np.all(np.isfinite(np.delete(a, 3, 1)))
            else:
                np.testing.assert_array_equal(np.delete(a, 3, 1), np.delete(b, 3, 1))


@every_kernel
def test_non_finite_proposals_are_rejected_and_counted(name):
    (run, _), case = compiled(name), TABLE[name]
    x0 = spread(case, start())
    state, total, (x, energy, grad, info) = run(KEY, start())
    assert np.all(np.abs(x[..., 0]) <= 2.0) and np.all(np.isfinite(x)) and np.all(np.isfinite(energy))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((grad, info)))
    counted = np.asarray(info.num_nonfinite)
    assert set(np.unique(counted)) == {0.0, 1.0} and np.mean(counted) < 0.6
    np.testing.assert_array_equal(total.num_nonfinite, counted.sum(0))
    if not case.foreign:  # blackjax's trajectories may go on elsewhere
        assert np.all(np.asarray(info.acceptance_rate)[counted == 1] == 0.0)
    if not case.foreign and not case.num_replicas:  # what stayed at one temperature may be carried to another
        before = np.concatenate([np.asarray(x0)[None], x[:-1]])
        np.testing.assert_allclose(np.asarray(x)[counted == 1], before[counted == 1], rtol=1e-5)
    if not case.latent:
        np.testing.assert_allclose(energy, 0.5 * np.sum(np.square(x), -1), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(energy[-1], state.energy)
        if jax.tree.leaves(state.grad):  # what is cached belongs to the position that was kept
            np.testing.assert_allclose(grad, x, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(info.grad_norm, np.linalg.norm(x, axis=-1), rtol=1e-4)


@every_kernel
def test_permuting_positions_and_noise_permutes_the_output(name):
    """All that is drawn by row (numbers, and keys of rows) is handed out in the order of the positions."""
    case = TABLE[name]

    def in_order(draw, order):
        by_chain = lambda a: a.reshape(ROWS, -1, *a.shape[1:])[order].reshape(a.shape)
        permute = lambda a: by_chain(a) if a.ndim and a.shape[0] % ROWS == 0 else a
        return lambda *args, **options: jax.tree.map(permute, draw(*args, **options))

    @jax.jit
    def run(position, order):
        position = spread(case, position)
        with ExitStack() as patches:
            for module, draw in ((pytree, "normal_like"), (jax.random, "uniform"), (jax.random, "split")):
                ordered = in_order(getattr(module, draw), order)
                patches.enter_context(mock.patch.object(module, draw, ordered))
            state, info, _ = run_chain(case.build(walled, position, case.step_size), KEY, position, 3)
        return seen(case, state), info

    identity, order = np.arange(ROWS), np.random.default_rng(1).permutation(ROWS)
    expected, found, still = run(start(), identity), run(start()[order], order), run(start()[order], identity)
    tolerance = 1e-4 if case.coupled else 0.0  # the mean acceptance rounds differently in another order
    compare = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(lambda a, b: compare(b, a[order]), expected, found)
    assert np.mean(expected[0][order] != still[0]) > 0.3  # the noise does matter


def test_without_noise_kernels_are_exactly_equivariant():
    """Gradient descent, and Hamiltonian motion without friction from given momenta."""
    order = np.random.default_rng(1).permutation(ROWS)
    descent = jax.jit(lambda x: run_chain(langevin(walled, step_size=0.3, noise_scale=0), KEY, x, 5)[0].position)
    np.testing.assert_array_equal(descent(start()[order]), descent(start())[order])

    @jax.jit
    def glide(x, momentum):
        kernel = underdamped(standard_normal, step_size=0.3, friction=0.0)
        return run_chain(kernel, KEY, x, 5, adapt=Momentum(momentum, jnp.ones(ROWS, bool)))[0].position

    np.testing.assert_array_equal(glide(start()[order], start()[::-1][order]), glide(start(), start()[::-1])[order])
