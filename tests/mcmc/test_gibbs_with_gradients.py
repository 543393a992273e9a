"""Contracts of kernels of discrete positions over a table of cases, and the closed forms of Gibbs with gradients."""

import re
from collections.abc import Callable
from functools import cache, partial
from itertools import permutations
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import all_states, enumerated, ising, potts, rbm
from ebmjax.mcmc import gibbs_with_gradients, run_chain
from ebmjax.pytree import ravel_rows

KEY, ROWS = jax.random.key(0), 64
RANDOM = np.random.default_rng(0)
RBM = [1.5 * RANDOM.normal(size=(6, 4)), RANDOM.normal(size=6), RANDOM.normal(size=4)]
FIELD = np.array([0.5, -0.3, 0.0])
DIGITS = {"bits": all_states((3,)), "state": all_states((2,), 3, one_hot=True)}


def mixed_energy(x):
    """Three bits and two sites of three states, all coupled."""
    bits, state = x["bits"] - 0.4, x["state"].reshape(-1, 6) - 0.2
    return 0.8 * bits[:, 0] * bits[:, 1] * 4 - jnp.sum(bits[:, :, None] * state[:, None] * 1.1, (1, 2)) ** 3


def mixed_states():
    """All 8 · 9 states, as a pytree."""
    i, j = np.divmod(np.arange(72), 9)
    return {"bits": DIGITS["bits"][i], "state": DIGITS["state"][j]}


class Case(NamedTuple):
    """potential: on `states()`, all there are. kernel: potential -> Kernel. sites: changed by an accepted proposal.
    axes: `[T, B, sites ...]` of a trace; leaves with one more are one-hot."""

    potential: Callable
    states: Callable
    kernel: Callable
    sites: int = 1
    axes: int = 3


def flips(num=1, **options):
    return partial(gibbs_with_gradients, num_flips=num, **options)


POTTS = potts(0.7, FIELD)
TABLE = {
    "bits": Case(rbm(*RBM), partial(all_states, (6,)), flips()),
    "bits_path": Case(rbm(*RBM), partial(all_states, (6,)), flips(3), 3),
    "states": Case(POTTS, partial(all_states, (2, 2), 3, one_hot=True), flips(categorical=True), axes=4),
    "states_path": Case(POTTS, partial(all_states, (2, 2), 3, one_hot=True), flips(2, categorical=True), 2, 4),
    "mixed": Case(mixed_energy, mixed_states, flips(2, categorical={"bits": False, "state": True}), 2),
}
every_case = pytest.mark.parametrize("name", TABLE)


def rows_of(name, num=ROWS):
    """Rows of the table of states, in a mixed order."""
    states = TABLE[name].states()
    which = np.random.default_rng(1).integers(0, jax.tree.leaves(states)[0].shape[0], num)
    return jax.tree.map(lambda a: a[which], states)


def walled(potential, scale, x):
    """The potential, but infinite in one state of eight of the first three entries, and NaN in another."""
    first = ravel_rows(x)[0][:, :3] @ jnp.array([4.0, 2.0, 1.0])
    return jnp.where(first == 3.0, jnp.inf, jnp.where(first == 4.0, jnp.nan, scale * potential(x)))


@cache
def compiled(name):
    """A jitted chain of 20 steps on the walled potential, its trace, and how often the potential was traced."""
    case, traces = TABLE[name], []

    def potential(scale, x):
        traces.append(1)
        return walled(case.potential, scale, x)

    @jax.jit
    def run(rng_key, position, scale):
        collect = lambda state, info: (state, info)
        return run_chain(case.kernel(partial(potential, scale)), rng_key, position, 20, collect=collect)

    return lambda rng_key, position, scale=1.0: run(rng_key, position, scale), traces


def sites_changed(before, after, axes):
    """In how many sites two traces of positions differ: `[num_steps, B]`. axes: of a leaf's sites, with `[T, B]`."""
    total = 0
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after)):
        differs = np.asarray(a) != np.asarray(b)
        one_hot = b.ndim > axes  # the last axis is that of the states
        total = total + (differs.any(-1) if one_hot else differs).reshape(*b.shape[:2], -1).sum(-1)
    return total


@every_case
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype_and_shape_are_kept(name, dtype):
    """Abstractly, so nothing is compiled. bfloat16 runs as float32."""
    with jax.enable_x64(dtype == jnp.float64):
        position = jax.tree.map(lambda a: a.astype(dtype), rows_of(name))
        wide = jnp.promote_types(dtype, jnp.float32)
        state, info, _ = jax.eval_shape(
            lambda x: run_chain(TABLE[name].kernel(TABLE[name].potential), KEY, x, 3), position
        )
        for found, like in zip(jax.tree.leaves((state.position, state.grad)), 2 * jax.tree.leaves(position)):
            assert (found.shape, found.dtype) == (like.shape, wide)
        assert state.energy.shape == (ROWS,) and state.energy.dtype == wide
        assert all(a.shape == (ROWS,) for a in info)


@every_case
def test_one_trace_and_the_key_decides(name):
    run, traces = compiled(name)
    first, calls = run(KEY, rows_of(name)), len(traces)
    jax.tree.map(np.testing.assert_array_equal, first, run(KEY, rows_of(name)))
    other = run(jax.random.key(1), rows_of(name), 0.9)
    assert len(traces) == calls
    assert np.mean(np.asarray(first[2][0].energy[-1] != other[2][0].energy[-1])) > 0.5


@every_case
def test_other_rows_do_not_notice_a_changed_row(name):
    """Bit for bit; also where that row holds NaN."""
    run, start = compiled(name)[0], rows_of(name)
    reference = run(KEY, start)
    for new in (1.0, jnp.nan):
        found = run(KEY, jax.tree.map(lambda a: a.at[3].set(new), start))
        for a, b in zip(jax.tree.leaves(found[2]), jax.tree.leaves(reference[2])):
            if a.ndim > 1:
                np.testing.assert_array_equal(np.delete(a, 3, 1), np.delete(b, 3, 1))


@every_case
def test_steps_change_that_many_sites_and_keep_what_is_cached(name):
    """Accepted steps change exactly num_flips sites, to states that exist; energy and gradient are those of the new
    position; what is not finite is rejected and counted."""
    case, start = TABLE[name], rows_of(name)
    at_walls = ~np.isfinite(np.asarray(walled(case.potential, 1.0, start)))
    final, total, (state, info) = compiled(name)[0](KEY, start)
    before = jax.tree.map(lambda a, b: np.concatenate([a[None], b[:-1]]), start, state.position)
    changed = sites_changed(before, state.position, case.axes)
    assert set(np.unique(changed)) == {0, case.sites}
    nonfinite = np.asarray(info.num_nonfinite) == 1
    assert 0.01 < nonfinite.mean() < 0.6 and np.all(changed[nonfinite] == 0)
    assert np.all(np.asarray(info.acceptance_rate)[nonfinite] == 0)
    np.testing.assert_array_equal(total.num_nonfinite, nonfinite.sum(0))
    inside = np.isfinite(np.asarray(state.energy))
    assert np.all(inside[:, ~at_walls]) and np.mean(inside[-1]) > 0.9  # chains that start outside come in
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), state.position)
    kept = jax.tree.map(lambda a: a[inside.ravel()], flat)
    expected, grad = jax.jit(jax.value_and_grad(lambda x: jnp.sum(walled(case.potential, 1.0, x))))(kept)
    np.testing.assert_allclose(np.sum(np.asarray(state.energy)[inside]), expected, rtol=1e-4)
    for found, wanted in zip(jax.tree.leaves(state.grad), jax.tree.leaves(grad)):
        np.testing.assert_allclose(np.asarray(found)[inside], wanted, rtol=1e-4, atol=1e-4)
    law = {tuple(row) for row in np.asarray(ravel_rows(case.states())[0]).tolist()}
    assert {tuple(row) for row in np.asarray(ravel_rows(flat)[0]).tolist()} <= law


@pytest.mark.parametrize("name", ["bits_path", "mixed"])
def test_permuting_positions_and_noise_permutes_the_output(name):
    case, start = TABLE[name], rows_of(name)

    @jax.jit
    def run(position, order):
        uniform = jax.random.uniform
        ordered = lambda *args, **options: uniform(*args, **options)[order]
        with mock.patch.object(jax.random, "uniform", ordered):
            return run_chain(case.kernel(case.potential), KEY, position, 3)[0].position

    identity, order = np.arange(ROWS), np.random.default_rng(1).permutation(ROWS)
    permuted = jax.tree.map(lambda a: a[order], start)
    expected, found, still = run(start, identity), run(permuted, order), run(permuted, identity)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(b, a[order]), expected, found)
    assert np.mean(np.asarray(jax.tree.leaves(expected)[0][order] != jax.tree.leaves(still)[0])) > 0.1


NUM = 40_000


@every_case
def test_the_law_is_invariant_state_by_state(name):
    """From exact draws at temperature 1.3, frequencies of all states after 3 steps: χ² below its mean + 4.5 standard
    deviations √(2 df). 40,000 chains."""
    case, states = TABLE[name], TABLE[name].states()
    # A test of its own sums: `enumerated` takes arrays, and these may be a pytree.
    minus = -np.asarray(case.potential(states), np.float64) / 1.3
    prob = np.exp(minus - np.logaddexp.reduce(minus))
    which = np.random.default_rng(2).choice(prob.size, NUM, p=prob)
    start = jax.tree.map(lambda a: a[which], states)
    kernel = case.kernel(case.potential, temperature=1.3)
    state, info, _ = jax.jit(lambda x: run_chain(kernel, jax.random.key(3), x, 3))(start)
    assert 0.1 < np.mean(info.acceptance_rate) < 1.0
    found = np.bincount(index_of(states, state.position), minlength=prob.size)
    chi = np.sum((found - NUM * prob) ** 2 / (NUM * prob))
    assert chi < prob.size - 1 + 4.5 * np.sqrt(2 * (prob.size - 1))


def index_of(states, x):
    """The place of each row of x in the table of states."""
    code = lambda tree: np.asarray(ravel_rows(tree)[0]) @ 2.0 ** np.arange(ravel_rows(states)[0].shape[1])
    table = code(states)
    order = np.argsort(table)
    return order[np.searchsorted(table, code(x), sorter=order)]


@pytest.mark.parametrize("num", [1, 2])
def test_transitions_from_one_state_have_the_published_probabilities(num):
    """Every path σ of flips written out: q(σ) = Π_l w_σl / (Σ w - those before), w_i = exp(d_i / 2), d_i = -(1 - 2 x_i)
    ∇_i E, then min(1, π(x') q'(reverse of σ) / (π(x) q(σ))), in float64; χ² of 60,000 chains from one state."""
    energy, x = rbm(*RBM), np.array([1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    grad = lambda x: np.asarray(jax.grad(lambda y: energy(y[None])[0])(jnp.asarray(x)), np.float64)
    value = lambda x: float(energy(jnp.asarray(x[None], jnp.float32))[0])

    def path_prob(x, path):
        weights, left, prob = np.exp(-(1 - 2 * x) * grad(x) / 2), np.ones(6, bool), 1.0
        for i in path:
            prob, left[i] = prob * weights[i] / weights[left].sum(), False
        return prob

    law = {}
    for path in permutations(range(6), num):
        end = x.copy()
        end[list(path)] = 1 - end[list(path)]
        there, back = path_prob(x, path), path_prob(end, path[::-1])
        rate = min(1.0, np.exp(value(x) - value(end)) * back / there)
        law[tuple(end)] = law.get(tuple(end), 0.0) + there * rate
    law[tuple(x)] = 1.0 - sum(law.values())
    start = jnp.asarray(np.tile(x, (60_000, 1)), jnp.float32)
    end = run_chain(gibbs_with_gradients(energy, num_flips=num), KEY, start, 1)[0].position
    found = np.bincount(index_of(all_states((6,)), end), minlength=64)
    expected = 60_000 * np.array(list(law.values()))
    of_law = found[index_of(all_states((6,)), jnp.asarray(list(law), jnp.float32))]
    chi = np.sum((of_law - expected) ** 2 / expected)
    assert of_law.sum() == 60_000 and np.all(expected > 5)
    assert chi < len(law) - 1 + 4.5 * np.sqrt(2 * (len(law) - 1))


def test_acceptance_on_a_linear_energy():
    """E = a·x: d_i is exact, and one flip has the rate min(1, W(x) / W(x')) with W = Σ_i exp(d_i / 2)."""
    a = np.array([0.5, -1.0, 2.0, 0.1])
    kernel = gibbs_with_gradients(lambda x: x @ jnp.asarray(a, jnp.float32), temperature=0.7)
    start = all_states((4,))
    state, info, _ = run_chain(kernel, KEY, start, 1)
    total = lambda x: np.sum(np.exp(-(1 - 2 * x) * a / 1.4), axis=1)
    # From the flip that was proposed, seen where it was accepted.
    moved = np.any(np.asarray(state.position) != start, axis=1)
    expected = np.minimum(1.0, total(np.asarray(start)) / total(np.asarray(state.position)))
    assert moved.sum() > 8 and np.ptp(expected[moved]) > 0.1
    np.testing.assert_allclose(np.asarray(info.acceptance_rate)[moved], expected[moved], rtol=1e-5)


def test_categories_on_a_linear_energy():
    """E = Σ_i e_i·x_i of two sites of three states: each of the four moves (i, j) is drawn in proportion to
    exp((e_i,now - e_ij) / (2 T)), and accepted at the rate min(1, W / W') of their sums here and there."""
    e, now, num = np.array([[0.0, 1.0, -2.0], [0.5, 2.0, 0.3]]), (0, 1), 20_000
    energy = lambda x: jnp.sum(x * jnp.asarray(e, jnp.float32), axis=(1, 2))
    kernel = gibbs_with_gradients(energy, categorical=True, temperature=2.0)
    start = jnp.tile(jnp.eye(3)[jnp.array(now)], (num, 1, 1))
    end = np.asarray(run_chain(kernel, KEY, start, 1)[0].position)
    weight = lambda state: np.exp((e[[0, 1], state][:, None] - e) / 4.0) * (1 - np.eye(3)[list(state)])
    for i, j in ((0, 1), (0, 2), (1, 0), (1, 2)):
        new = (j, now[1]) if i == 0 else (now[0], j)
        here, there = weight(now), weight(new).sum()
        expected = here[i, j] / here.sum() * min(1.0, here.sum() / there)
        assert abs(np.mean(end[:, i, j]) - expected) < 4.5 * np.sqrt(expected * (1 - expected) / num)


@pytest.mark.parametrize("model", ["rbm", "ising"])
def test_marginals_of_a_machine_and_a_lattice(model):
    """RBM of 12 + 8 units, 4 x 4 Ising in a field: all marginals, and those of pairs of neighbours, from fair coins,
    within 4 standard errors of the enumeration. 1,000 independent chains, their last states."""
    random = np.random.default_rng(3)
    if model == "rbm":
        energy, shape, num = rbm(random.normal(size=(12, 8)), random.normal(size=12), random.normal(size=8)), (12,), 2
    else:
        energy, shape, num = ising(0.3, jnp.asarray(0.3 * random.normal(size=(4, 4)))), (4, 4), 3
    law = enumerated(energy, all_states(shape))
    start = jax.random.bernoulli(KEY, 0.5, (1000, *shape)).astype(jnp.float32)
    kernel = gibbs_with_gradients(energy, num_flips=num)
    end = np.asarray(jax.jit(lambda x: run_chain(kernel, jax.random.key(1), x, 150)[0].position)(start))
    pairs = lambda x: np.concatenate([x, x * np.roll(x, 1, axis=-1)], axis=1).reshape(len(x), -1)
    exact = np.exp(np.asarray(law.log_prob, np.float64)) @ pairs(np.asarray(law.states))
    error = np.sqrt(exact * (1 - exact) / 1000)
    assert np.all(np.abs(pairs(end).mean(0) - exact) < 4 * error)


def test_the_document_runs(capsys):
    """Its two means agree: of 16 aligned sites of 1,000 chains the standard error is below .5 / √1000."""
    text = (Path(__file__).parents[2] / "docs/choosing_a_sampler.md").read_text()
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "gibbs_with_gradients" in code]
    exec(compile(code, "choosing_a_sampler.md", "exec"), {})
    found, exact = map(float, capsys.readouterr().out.split())
    assert abs(found - exact) < 4 * 0.5 / np.sqrt(1000) < 0.1


@pytest.mark.parametrize(
    "position, options, message",
    [
        (2.0 * jnp.ones((4, 2)), {}, "must be of zeros and ones; spins s"),
        (-jnp.ones((4, 2)), {}, "must be of zeros and ones"),
        (jnp.ones((4, 2), int), {}, "positions must be floats, got int32"),
        (jnp.ones((4, 2)), {"categorical": True}, "must be one-hot along the last axis"),
        (jnp.ones((4, 1)), {"categorical": True}, r"\[B, ..., K\] with K >= 2"),
        (jnp.ones((4, 2)), {"num_flips": 3}, "num_flips = 3 must be at most the number of sites, 2"),
        (jnp.tile(jnp.eye(3), (4, 1, 1)), {"num_flips": 4, "categorical": True}, "number of sites, 3"),
    ],
)
def test_positions_are_checked(position, options, message):
    kernel = gibbs_with_gradients(lambda x: jnp.sum(x, axis=tuple(range(1, x.ndim))), **options)
    with pytest.raises(ValueError, match=f"^gibbs_with_gradients: .*{message}"):
        kernel.init(position)


def test_starts_inside_jit_are_not_known():
    kernel = gibbs_with_gradients(lambda x: jnp.sum(x, axis=1))
    jax.eval_shape(kernel.init, jnp.ones((4, 2)))
