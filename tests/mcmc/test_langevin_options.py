"""What Langevin dynamics lets one vary: schedules, pytrees, learned steps, clipping, and what it does with NaN."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import double_well, standard_normal
from ebmjax.mcmc import langevin, run_chain

KEY = jax.random.key(1)
START = jax.random.normal(jax.random.key(0), (16, 2))
ENERGY = double_well().energy


def run(potential=ENERGY, num_steps=10, position=START, key=KEY, **options):
    """The last position of a chain."""
    return run_chain(langevin(potential, **options), key, position, num_steps)[0].position


def by_hand(num_steps, step_size, temperature=lambda k: 1.0, noise_scale=1.0):
    """The same chain as a Python loop; step_size and temperature are functions of the step."""
    x, grad = START, jax.grad(lambda x: jnp.sum(ENERGY(x)))
    for k in range(num_steps):
        s, eps = step_size(k), pytree.normal_like(jax.random.fold_in(KEY, k), x)
        x = x - s**2 / (2 * temperature(k)) * grad(x) + noise_scale * s * eps
    return x


@pytest.mark.slow
def test_schedules_are_functions_of_the_step():
    step_size, temperature = (lambda k: 0.2 / (1.0 + k)), (lambda k: 2.0 - 0.1 * k)
    expected = by_hand(6, step_size, temperature)
    np.testing.assert_allclose(run(num_steps=6, step_size=step_size, temperature=temperature), expected, atol=1e-5)
    np.testing.assert_allclose(run(num_steps=6, step_size=0.2), by_hand(6, lambda k: 0.2), atol=1e-5)
    assert np.max(np.abs(expected - by_hand(6, lambda k: 0.2))) > 0.1


def test_noise_scale():
    """Multiplies the noise alone: 0 is gradient descent, 2 is temperature 4 with a drift four times as large."""
    expected = by_hand(6, lambda k: 0.1, noise_scale=0.5)
    np.testing.assert_allclose(run(num_steps=6, step_size=0.1, noise_scale=0.5), expected, atol=1e-5)
    np.testing.assert_allclose(
        run(step_size=0.1, noise_scale=2.0), run(step_size=0.2, temperature=4.0), rtol=1e-4, atol=1e-5
    )
    # A traced 0 is not known to be 0, but must give the same chain as a static one.
    traced = jax.jit(lambda c: run(step_size=0.1, noise_scale=c))(0.0)
    np.testing.assert_allclose(traced, run(step_size=0.1, noise_scale=0.0), atol=1e-6)


def test_without_noise_it_is_gradient_descent():
    expected = by_hand(25, lambda k: 0.1, noise_scale=0.0)
    kernel = langevin(ENERGY, step_size=0.1, noise_scale=0)
    state, _, energies = run_chain(kernel, KEY, START, 25, collect=lambda state, info: info.energy)
    np.testing.assert_allclose(state.position, expected, atol=1e-5)
    np.testing.assert_array_equal(
        state.position, run(num_steps=25, step_size=0.1, noise_scale=0, key=jax.random.key(9))
    )
    assert np.all(np.diff(np.concatenate([ENERGY(START)[None], energies]), axis=0) <= 1e-6)


def test_one_step_size_a_leaf():
    """Layers of latents move as they would alone; one scalar serves all leaves."""
    position = {"top": START, "bottom": jnp.ones((16, 3, 2))}
    kernel = langevin(standard_normal, step_size={"top": 0.3, "bottom": 0.0})
    state, info, _ = run_chain(kernel, KEY, position, 1)
    np.testing.assert_array_equal(state.position["bottom"], position["bottom"])
    eps = pytree.normal_like(jax.random.fold_in(KEY, 0), position)
    expected = (1 - 0.3**2 / 2) * START + 0.3 * eps["top"]
    np.testing.assert_allclose(state.position["top"], expected, atol=1e-6)
    np.testing.assert_allclose(info.grad_norm, jnp.sqrt(2 * standard_normal(state.position)), rtol=1e-5)
    same = [run(standard_normal, 4, position, step_size=s) for s in (0.3, {"top": 0.3, "bottom": 0.3})]
    jax.tree.map(np.testing.assert_array_equal, *same)
    scheduled = run(standard_normal, 1, position, step_size=lambda k: {"top": 0.3 + 0.0 * k, "bottom": 0.0})
    np.testing.assert_allclose(scheduled["top"], expected, atol=1e-6)
    with pytest.raises(ValueError, match="one scalar or a pytree like the position"):
        run(standard_normal, 1, position, step_size={"top": 0.3})


def test_a_step_size_an_entry():
    """An array broadcasts against the position: one step size a coordinate, or a chain."""
    s = jnp.array([0.3, 0.0])
    moved = run(standard_normal, 3, step_size=s)
    np.testing.assert_array_equal(moved[:, 1], START[:, 1])
    np.testing.assert_allclose(moved[:, 0], run(standard_normal, 3, step_size=0.3)[:, 0], atol=1e-6)


def test_traced_step_size_compiles_once_and_can_be_learned():
    traces = []

    def potential(x):
        traces.append(1)
        return ENERGY(x)

    chain = jax.jit(lambda s: run(potential, 5, step_size=s))
    chain(0.05)
    calls = len(traces)
    for s in (0.1, 0.2):
        np.testing.assert_allclose(chain(s), by_hand(5, lambda k: s), atol=1e-5)
    assert len(traces) == calls
    # d/ds Σ x_K through noise and drift, against the loop by hand; and without noise x_K = (1 - s² / 2)^K x_0.
    grad = jax.jit(jax.grad(lambda s: jnp.sum(run(num_steps=5, step_size=s))))(0.1)
    expected = jax.grad(lambda s: jnp.sum(by_hand(5, lambda k: s)))(0.1)
    np.testing.assert_allclose(grad, expected, rtol=1e-4)
    decay = jax.grad(lambda s: jnp.sum(run(standard_normal, 5, step_size=s, noise_scale=0)))(0.4)
    np.testing.assert_allclose(decay, -5 * 0.4 * (1 - 0.08) ** 4 * jnp.sum(START), rtol=1e-4)


def test_same_key_same_chain_and_rows_do_not_interact():
    chain = jax.jit(lambda x, key: run(position=x, key=key, step_size=0.1))
    end = chain(START, KEY)
    np.testing.assert_array_equal(end, chain(START, KEY))
    assert not np.any(end == chain(START, jax.random.key(2)))
    # A diverging neighbour changes no bit of the others.
    other = chain(START.at[3].set(1e6), KEY)
    np.testing.assert_array_equal(np.delete(end, 3, 0), np.delete(other, 3, 0))
    # Without noise, permuting the chains permutes the result.
    order, quiet = (
        np.random.default_rng(0).permutation(16),
        jax.jit(lambda x: run(position=x, step_size=0.1, noise_scale=0)),
    )
    np.testing.assert_array_equal(quiet(START[order]), quiet(START)[order])


def test_clipped_gradient_and_box():
    """IGEBM on pixels in [0, 1]: a = 10, gradient entries clipped to 0.01, so that a pixel moves by ≤ 0.1."""
    s, clip = 0.005, 0.01
    options = dict(step_size=s, temperature=s**2 / 20, clip_grad=clip)
    pixels = jax.random.uniform(jax.random.key(3), (8, 4, 4, 1))
    steep = lambda x: 50.0 * pytree.sum_rows(jnp.sin(9.0 * x))
    grad = jax.grad(lambda x: jnp.sum(steep(x)))(pixels)
    moved = run(steep, 1, pixels, noise_scale=0, **options) - pixels
    np.testing.assert_allclose(moved, -10.0 * jnp.clip(grad, -clip, clip), atol=1e-6)
    assert np.max(np.abs(moved)) == pytest.approx(0.1, abs=1e-6)
    collect = lambda state, info: state.position
    kernel = partial(langevin, steep, **options)
    boxed = np.asarray(run_chain(kernel(box=(0.0, 1.0)), KEY, pixels, 30, collect=collect)[2])
    assert boxed.min() == 0.0 and boxed.max() == 1.0
    free = np.asarray(run_chain(kernel(), KEY, pixels, 30, collect=collect)[2])
    assert free.min() < 0.0 and free.max() > 1.0


def test_non_finite_proposals_are_rejected_and_counted():
    """Inf above 1.5, NaN below -1.5: a chain that proposes to go there stays for that step, the others go on."""
    wall = lambda x: jnp.where(x[:, 0] > 1.5, jnp.inf, jnp.where(x[:, 0] < -1.5, jnp.nan, standard_normal(x)))
    start = jnp.linspace(-1.4, 1.4, 64)[:, None]
    collect = lambda state, info: (state.position[:, 0], state.energy, state.grad[:, 0], info)
    kernel = langevin(wall, step_size=0.5)
    state, total, (x, energy, grad, info) = run_chain(kernel, KEY, start, 50, collect=collect)
    assert np.all(np.abs(x) <= 1.5) and np.all(np.isfinite(energy)) and np.all(np.isfinite(grad))
    np.testing.assert_allclose(energy, 0.5 * x**2, atol=1e-6)  # the cached values belong to the position kept
    np.testing.assert_allclose(grad, x, atol=1e-6)
    rejected = np.asarray(info.num_nonfinite, bool)
    assert 0.02 < rejected.mean() < 0.5
    stayed = np.diff(np.concatenate([start[:, 0][None], x]), axis=0) == 0
    np.testing.assert_array_equal(stayed, rejected)
    np.testing.assert_array_equal(info.acceptance_rate, 1.0 - rejected)
    np.testing.assert_array_equal(total.num_nonfinite, rejected.sum(0))
    np.testing.assert_allclose(total.acceptance_rate, 1.0 - rejected.mean(0), atol=1e-6)
    # A chain that never meets a wall is the chain without walls, bit for bit.
    free = run(standard_normal, 50, start, step_size=0.5)
    untouched = ~rejected.any(0)
    assert 0 < untouched.sum() < 64
    np.testing.assert_array_equal(state.position[untouched], free[untouched])


def test_a_non_finite_gradient_alone_is_rejected():
    """√x is 0 at the border of the box, its gradient is not a number: the proposal 0 is refused."""
    start = jnp.full((4, 1), 0.01)
    kernel = langevin(lambda x: jnp.sqrt(x[:, 0]), step_size=1.0, noise_scale=0, box=(0.0, 1.0))
    state, info, _ = run_chain(kernel, KEY, start, 3)
    np.testing.assert_array_equal(state.position, start)
    np.testing.assert_array_equal(info.num_nonfinite, np.full(4, 3.0))
