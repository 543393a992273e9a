"""The warm-up: its windows, its search, and what it finds on densities whose best numbers are known."""

import pickle
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import gaussian, standard_normal
from ebmjax.mcmc import from_blackjax, hmc, langevin, mala, run_chain, warm_up
from ebmjax.mcmc.warm_up import Found, crossing_step_size, first_mass, run_window, window_lengths

KEY = jax.random.key(0)
SD = np.array([0.1, 1.0, 10.0])


def stiff(x):
    return 0.5 * jnp.sum((x["u"] / SD[:2]) ** 2, axis=1) + 0.5 * (x["v"] / SD[2]) ** 2


def start(num=16):
    rows = jax.random.normal(jax.random.key(1), (num, 3))
    return {"u": rows[:, :2], "v": rows[:, 2]}


def variances(inverse_mass):
    return np.concatenate([np.ravel(inverse_mass["u"]), np.ravel(inverse_mass["v"])])


@pytest.fixture(scope="module")
def found():
    """(position, first step size) -> what a warm-up of 300 transitions of HMC on `stiff` finds; compiled once."""
    return jax.jit(lambda x, s: warm_up(partial(hmc, num_leapfrog=5), stiff, KEY, x, 300, step_size=s)[1:])


@pytest.mark.parametrize(
    "num_steps, lengths",
    [
        (1000, [75, 25, 50, 100, 200, 500, 50]),  # Stan's example
        (300, [75, 25, 50, 100, 50]),
        (150, [75, 25, 50]),
        (149, [22, 113, 14]),
        (20, [3, 15, 2]),
    ],
)
def test_windows(num_steps, lengths):
    assert window_lengths(num_steps) == lengths
    assert sum(window_lengths(num_steps, by_chees=True)) == num_steps


def test_windows_that_learn_a_length_end_with_a_longer_one():
    assert window_lengths(1000, by_chees=True) == [75, 25, 50, 100, 200, 400, 150]
    assert window_lengths(100, by_chees=True) == [15, 55, 30]
    with pytest.raises(ValueError, match="warm_up: num_steps = 19 is too few to learn a mass"):
        window_lengths(19)


def test_what_each_window_begins_and_ends_with():
    """Windows of no transitions: only those between the first and the last take a mass, here of no draws, 1e-3. The
    trajectory is one step at first, then what was learned, and with every mass a quarter turn."""

    @jax.jit
    def run(index):
        state, one = hmc(standard_normal, step_size=1.0).init(jnp.ones((4, 2))), jnp.float32(1.0)
        found = Found(state, one, jnp.ones((1, 2)), jnp.log(7.0 * one), 0 * state.energy, 0 * state.energy)
        build = lambda *learned: hmc(
            standard_normal, **dict(zip(("step_size", "inverse_mass", "num_leapfrog"), learned))
        )
        options = dict(last=3, target=0.8, pool="mean", mass="diagonal", by_chees=True)
        end = run_window(build, found, KEY, 0, index, **options)
        return end.inverse_mass[0, 0], jnp.exp(end.log_length), end.step_size

    masses, lengths, sizes = np.array([run(jnp.int32(index)) for index in range(4)]).T
    np.testing.assert_allclose(masses, [1.0, 1e-3, 1e-3, 1.0], rtol=1e-5)
    np.testing.assert_allclose(lengths, [sizes[0], 7.0, np.pi / 2, np.pi / 2], rtol=1e-5)


@pytest.mark.parametrize("mass", ["diagonal", "dense"])
def test_a_mass_that_is_not_finite_is_not_taken(mass):
    """Squares of the draws overflow: the former mass stays."""
    start = jnp.array([[1e25, 0.0], [-1e25, 1.0]])
    flat = lambda x: 0.0 * jnp.sum(x, axis=1)
    build = lambda step_size, inverse_mass, _: hmc(flat, step_size=step_size, inverse_mass=inverse_mass, num_leapfrog=1)

    @jax.jit
    def run():
        state, former = hmc(flat, step_size=1.0).init(start), first_mass(start, mass)
        found = Found(state, jnp.float32(1.0), former, jnp.float32(0.0), 0 * state.energy, 0 * state.energy)
        options = dict(last=3, target=0.8, pool="mean", mass=mass, by_chees=False)
        return run_window(build, found, KEY, 1, 1, **options).inverse_mass

    jax.tree.map(np.testing.assert_array_equal, run(), first_mass(start, mass))


@pytest.mark.parametrize("first", [1e-5, 0.3, 0.9, 1e6])
def test_the_search_ends_at_the_first_step_size_that_crosses(first):
    """Acceptance 1 / (1 + s²) crosses 1/2 at s = 1: the result is on the other side of 1, by less than a factor 2."""
    end = float(jax.jit(partial(crossing_step_size, lambda s: 1 / (1 + s**2)))(jnp.float32(first)))
    assert (1.0 <= end < 2.0) if first < 1 else (0.5 < end <= 1.0)
    assert np.log2(end / first) == pytest.approx(round(np.log2(end / first)), abs=1e-3)


def test_the_search_stays_where_nothing_can_be_told():
    for rate in (jnp.nan, 1.0):
        end = crossing_step_size(lambda s: rate + 0.0 * s, jnp.float32(0.3))
        assert end == pytest.approx(0.3 if np.isnan(rate) else 0.3 * 2.0**40)


def test_what_is_found_fits_the_density(found):
    """Pooled variances of the 100 x 16 draws of the last mass, an ESS of some hundreds: within a third."""
    position, step_size, inverse_mass, num_leapfrog, trajectory, acceptance, num_nonfinite = found(start(), 0.1)
    np.testing.assert_allclose(variances(inverse_mass) / SD**2, 1.0, atol=0.33)
    assert inverse_mass["u"].shape == (1, 2) and inverse_mass["v"].shape == (1,)
    assert num_leapfrog is trajectory is None
    assert acceptance.shape == (16,) and 0.7 < np.mean(acceptance) < 0.9 and not np.any(num_nonfinite)
    kernel = hmc(stiff, step_size=step_size, num_leapfrog=5, inverse_mass=inverse_mass)
    collect = lambda state, info: jnp.stack([*state.position["u"].T, state.position["v"]], axis=1)
    _, info, draws = jax.jit(lambda x: run_chain(kernel, KEY, x, 200, collect=collect))(position)
    assert abs(np.mean(info.acceptance_rate) - 0.8) < 0.1
    # 3,200 draws, correlated over few transitions: an ESS of the squares above 600.
    np.testing.assert_allclose(np.var(draws, axis=(0, 1)) / SD**2, 1.0, atol=4 * np.sqrt(2 / 600))


def test_the_start_of_the_search_does_not_matter(found):
    sizes = [float(found(start(), first)[1]) for first in (1e-4, 0.1, 1e3)]
    assert max(sizes) / min(sizes) < 1.3  # averages over 50 transitions of 16 chains


def test_dead_chains_do_not_matter(found):
    """Two of 16 at NaN: the same numbers, up to noise; they stay there, and are counted."""
    x = jax.tree.map(lambda a: a.at[:2].set(jnp.nan), start())
    position, step_size, inverse_mass, *_, acceptance, num_nonfinite = found(x, 0.1)
    assert step_size == pytest.approx(float(found(start(), 0.1)[1]), rel=0.3)
    np.testing.assert_allclose(variances(inverse_mass) / SD**2, 1.0, atol=0.35)
    np.testing.assert_array_equal(num_nonfinite, [50.0] * 2 + [0.0] * 14)
    np.testing.assert_array_equal(acceptance[:2], 0.0)
    assert np.all(np.isnan(position["v"][:2])) and np.all(np.isfinite(position["v"][2:]))


def test_plain_numbers_outside_jit_and_the_same_inside():
    """MALA without a mass, in few transitions; target and pool are heeded."""
    x = jax.random.normal(jax.random.key(1), (32, 4))
    options = dict(mass=None, target=0.6)
    tuned = warm_up(mala, standard_normal, KEY, x, 60, **options)
    assert type(tuned.step_size) is float and type(tuned.acceptance) is np.ndarray
    assert tuned.inverse_mass is None and tuned.num_leapfrog is None
    pickle.dumps(tuned[1:])
    again = jax.jit(lambda x: warm_up(mala, standard_normal, KEY, x, 60, **options)[1:])(x)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), tuned[1:], again)
    info = tuned.kernel.step(KEY, tuned.kernel.init(tuned.position))[1]
    assert abs(np.mean(info.acceptance_rate) - 0.6) < 0.15  # rates of sd .35 of 32 chains: an error of .06


@pytest.mark.slow
def test_the_pool_is_heeded():
    """MALA on N(0, I): a harmonic mean is below the mean, so that a step size with that target is less."""
    x = jax.random.normal(jax.random.key(1), (256, 10))
    run = lambda pool: warm_up(mala, standard_normal, KEY, x, 60, mass=None, target=0.6, pool=pool).step_size
    assert 0.5 < run("harmonic") / run("mean") < 0.95


@pytest.mark.slow
def test_a_dense_mass_is_found():
    """A correlation of .95 between scales .1 and 10: correlation and variances, from an ESS of some hundreds."""
    scale = np.array([0.1, 10.0])
    covariance = np.outer(scale, scale) * np.array([[1.0, 0.95], [0.95, 1.0]])
    x = jax.random.normal(jax.random.key(1), (16, 2))
    tuned = warm_up(hmc, gaussian(np.zeros(2), covariance).energy, KEY, x, 300, mass="dense")
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), np.asarray(tuned.inverse_mass.factor))
    np.testing.assert_allclose(whitened @ whitened.T, np.eye(2), atol=0.35)
    assert type(tuned.inverse_mass.factor) is np.ndarray
    info = jax.jit(lambda x: run_chain(tuned.kernel, KEY, x, 50)[1])(tuned.position)
    # Above the target, as the acceptance falls off a cliff, here of two dimensions, about which step sizes move.
    assert 0.7 < np.mean(info.acceptance_rate) < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("mass", ["diagonal", None])
def test_chees_finds_a_quarter_turn(mass):
    """N(0, 3² I_100), where steps are small: T = 1.43 for jitter .5, times 3 where the mass is 1. Its maximum is flat
    and lengths are whole numbers of steps: within 20 %."""
    x = 3.0 * jax.random.normal(jax.random.key(1), (32, 100))
    options = dict(trajectory="chees", mass=mass, target=0.95)
    tuned = warm_up(hmc, lambda x: standard_normal(x / 3.0), KEY, x, 400, **options)
    assert tuned.trajectory == pytest.approx(1.43 * (1.0 if mass else 3.0), rel=0.2)
    assert type(tuned.num_leapfrog) is int
    assert tuned.num_leapfrog == round(tuned.trajectory / tuned.step_size) > 2


@pytest.mark.slow
def test_nuts_of_blackjax_is_tuned():
    pytest.importorskip("blackjax")
    tuned = warm_up(partial(from_blackjax, algorithm="nuts", max_num_doublings=5), stiff, KEY, start(), 300)
    np.testing.assert_allclose(variances(tuned.inverse_mass) / SD**2, 1.0, atol=0.33)
    info = jax.jit(lambda x: run_chain(tuned.kernel, KEY, x, 50)[1])(tuned.position)
    assert abs(np.mean(info.acceptance_rate) - 0.8) < 0.1


@pytest.mark.parametrize(
    "make_kernel, options, message",
    [
        (langevin, {"mass": None}, "make_kernel builds a kernel that accepts every proposal"),
        (mala, {"mass": None, "trajectory": "chees"}, 'trajectory = "chees" needs hmc, and at least two chains'),
        (partial(hmc, jitter=0), {"trajectory": "chees"}, "at least two chains"),
    ],
)
def test_what_cannot_be_learned_is_refused(make_kernel, options, message):
    drop = (
        (lambda potential, step_size, num_leapfrog=None: make_kernel(potential, step_size=step_size))
        if (make_kernel is mala)
        else make_kernel
    )
    with pytest.raises(ValueError, match=f"^warm_up: .*{message}"):
        warm_up(drop, standard_normal, KEY, jnp.ones((1, 2)), 20, **options)


@pytest.mark.slow
def test_the_documents_warm_up_runs():
    """It finds scales from .01 to 10, and a quarter turn; the kernel made with them mixes."""
    text = (Path(__file__).parents[2] / "docs/choosing_a_sampler.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "= warm_up(" in block]
    found = {}
    exec(compile(code, "choosing_a_sampler.md", "exec"), found)
    # Variances of 400 x 4 draws of the last mass, an ESS of some 600; Stan's rule adds 3e-6 to 1e-4 of the least.
    np.testing.assert_allclose(found["tuned"].inverse_mass[0] / found["scales"] ** 2, 1.0, atol=0.35)
    assert 1.0 < found["tuned"].trajectory < 1.8
    # The ESS of the squares is some 1,500: a standard error of √(2 / 1500) = 4 % of the variance.
    np.testing.assert_allclose(np.var(found["draws"], axis=(0, 1)) / found["scales"] ** 2, 1.0, atol=0.2)
