"""Hamiltonian Monte Carlo against the laws of the leapfrog on Gaussians."""

import sys
from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2, f, norm

from ebmjax import pytree
from ebmjax.diagnostics import summarise
from ebmjax.energies import double_well, gaussian, standard_normal, temper
from ebmjax.mcmc import adapt_step_size, dense_mass, hmc, run_chain
from ebmjax.mcmc.hmc import leapfrog

KEY = jax.random.key(0)
WELLS = double_well().energy


def energy_error(dim, s, num_leapfrog):
    """E[ΔH] of the leapfrog on N(0, I_dim) from stationarity; the variance is about twice that."""
    theta = np.arccos(1 - s**2 / 2)
    return dim * s**4 * np.sin(num_leapfrog * theta) ** 2 / (32 * (1 - s**2 / 4))


def acceptance(dim, s, num_leapfrog):
    """The mean acceptance itself, in any dim: 2 P(ΔH < 0), as the leapfrog is reversible and preserves volume.

    ΔH is the sum over coordinates of a quadratic form of (x, p) with eigenvalues a > 0 > b: the chance is that of
    χ²_dim / χ²_dim below -b / a, an F law.
    """
    kick, drift = np.array([[1.0, 0.0], [-s / 2, 1.0]]), np.array([[1.0, s], [0.0, 1.0]])
    flow = np.linalg.matrix_power(kick @ drift @ kick, num_leapfrog)
    low, high = np.linalg.eigvalsh(flow.T @ flow - np.eye(2))
    return 2 * f.cdf(-low / high, dim, dim)


@pytest.mark.parametrize(
    "dim, s, num_leapfrog, expected",
    [(3072, 0.25, 6, 0.663), (3072, 0.2, 8, 0.781), (1000, 0.338, 5, 0.649), (10, 1.0, 2, 0.701)],
)
def test_acceptance_on_a_gaussian(dim, s, num_leapfrog, expected):
    """In large dim 2 Φ(-√(μ / 2)) with μ = E[ΔH]; in 10 dimensions that is 0.693. The rates' sd is below 0.4."""
    law = acceptance(dim, s, num_leapfrog)
    assert law == pytest.approx(expected, abs=1e-3)
    large_dim = 2 * norm.cdf(-np.sqrt(energy_error(dim, s, num_leapfrog) / 2))
    assert law == pytest.approx(large_dim, abs=0.2 / dim)
    num = min(100_000, 1500 * 3072 // dim)
    kernel = hmc(standard_normal, step_size=s, num_leapfrog=num_leapfrog, jitter=0)
    run = jax.jit(lambda key, x: kernel.step(key, kernel.init(x))[1].acceptance_rate)
    rate = run(KEY, jax.random.normal(jax.random.key(1), (num, dim)))
    assert abs(np.mean(rate) - law) < 4 * 0.4 / np.sqrt(num)
    # Bands that exclude a doubled or halved step: acceptances above 0.95 or below 0.2.
    assert 0.55 < np.mean(rate) < 0.85


def test_optimal_acceptance():
    """0.651 is E[ΔH] = 0.409: at a quarter of the period dim s⁴ / 32 for small s, so s = (13.1 / dim)^(1/4)."""
    assert 2 * norm.cdf(-np.sqrt(0.409 / 2)) == pytest.approx(0.651, abs=5e-4)
    for dim, expected in ((1000, 0.338), (3072, 0.2555)):
        s = (13.1 / dim) ** 0.25
        assert s == pytest.approx(expected, abs=5e-4)
        quarter = np.pi / 2 / np.arccos(1 - s**2 / 2)
        assert energy_error(dim, s, quarter) * (1 - s**2 / 4) == pytest.approx(0.409, abs=5e-4)
    assert acceptance(3072, 0.2555, 6) == pytest.approx(0.651, abs=3e-3)  # 6 steps of it are 0.976 of the quarter


def test_energy_errors_at_stationarity():
    """E[exp(-ΔH)] = 1 exactly, E[ΔH] = μ, Var[ΔH] ≈ 2μ: the estimator of the first has variance e^2μ - 1 = 0.2."""
    dim, s, num_leapfrog, num = 200, 0.31, 5, 8000
    mu = energy_error(dim, s, num_leapfrog)
    x, p = jax.random.normal(KEY, (2, num, dim))
    y, q, _, _ = jax.jit(lambda x, p: leapfrog(standard_normal, x, p, x, step_size=s, num_leapfrog=num_leapfrog))(x, p)
    hamiltonian = lambda x, p: 0.5 * np.sum(np.square(x, dtype=np.float64) + np.square(p, dtype=np.float64), axis=1)
    error = hamiltonian(y, q) - hamiltonian(x, p)
    assert abs(np.mean(np.exp(-error)) - 1.0) < 4 * np.sqrt(np.expm1(2 * mu) / num)
    assert abs(np.mean(error) - mu) < 4 * np.sqrt(2 * mu / num)
    assert np.var(error) == pytest.approx(2 * mu, rel=0.15)


def test_leapfrog_is_reversible_and_preserves_volume():
    with jax.enable_x64(True):
        grad = jax.grad(lambda x: jnp.sum(WELLS(x)))

        def flow(z):
            x, p = z[None, :2], z[None, 2:]
            y, q, _, _ = leapfrog(WELLS, x, p, grad(x), step_size=jnp.array([0.11, 0.07]), num_leapfrog=9)
            return jnp.concatenate([y[0], q[0]])

        flip, both = np.array([1.0, 1.0, -1.0, -1.0]), jax.jit(lambda z: (flow(z), jax.jacfwd(flow)(z)))
        for z in np.random.default_rng(0).normal(size=(4, 4)):
            end, jacobian = both(z)
            assert abs(abs(np.linalg.det(jacobian)) - 1.0) < 1e-10
            np.testing.assert_allclose(flip * both(flip * end)[0], z, atol=1e-10)
            assert np.max(np.abs(end - z)) > 0.1


def test_leapfrog_is_of_second_order():
    """Half the step at the same trajectory length, a quarter of the energy error."""
    with jax.enable_x64(True):
        x, p = np.random.default_rng(0).normal(size=(2, 500, 2))
        grad = jax.grad(lambda x: jnp.sum(WELLS(x)))(x)

        @jax.jit  # the number of steps is traced: one compilation
        def error(num_leapfrog):
            y, q, end, _ = leapfrog(WELLS, x, p, grad, step_size=0.8 / num_leapfrog, num_leapfrog=num_leapfrog)
            return end + standard_normal(q) - WELLS(x) - standard_normal(p)

        errors = [np.sqrt(np.mean(error(n) ** 2)) for n in (40, 80, 160)]
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 4.0, atol=0.3)


@partial(jax.jit, static_argnames=("potential", "num_steps", "static"))
def run(x, potential, num_steps, static, step_size, inverse_mass, temperature):
    options = dict(static, step_size=step_size, inverse_mass=inverse_mass, temperature=temperature)
    return run_chain(hmc(potential, **options), KEY, x, num_steps)[:2]


def chain(potential, num=4096, num_steps=30, start=None, step_size=0.1, inverse_mass=1.0, temperature=1.0, **static):
    """Float64 positions and mean acceptance after `num_steps` from N(0, I); numbers of any kind are traced."""
    start = np.random.default_rng(5).normal(size=(num, 2)).astype(np.float32) if start is None else start
    numbers = [jnp.broadcast_to(jnp.asarray(a, jnp.float32), (2,)) for a in (step_size, inverse_mass)]
    state, info = run(start, potential, num_steps, tuple(static.items()), *numbers, float(temperature))
    return np.asarray(state.position, np.float64), np.mean(info.acceptance_rate)


def test_moments_and_the_momentum_it_needs():
    """Means and variances of N(0, T diag(1, 1/4)) within 4 standard errors; momenta of another scale break them."""
    precision, temperature = jnp.array([1.0, 4.0]), 2.0
    expected = temperature / precision

    def variance_errors(x):
        return (x.var(0) / expected - 1.0) / np.sqrt(2.0 / len(x))

    options = dict(step_size=0.4, num_leapfrog=5, temperature=temperature)
    potential = lambda x: 0.5 * jnp.sum(precision * x**2, axis=1)
    x, rate = chain(potential, **options)
    assert np.all(np.abs(variance_errors(x)) < 4.0) and rate > 0.8
    assert np.all(np.abs(x.mean(0)) < 4.0 * np.sqrt(expected / len(x)))
    # Momenta of standard deviation 0.7 with kinetic energy |p|² / 2 sample another law.
    normal_like = pytree.normal_like
    with mock.patch.object(pytree, "normal_like", lambda key, tree: 0.7 * normal_like(key, tree)):
        x, _ = chain(lambda x: potential(x), **options)  # a new function: traced anew
    assert np.all(variance_errors(x) < -8.0)


def test_moments_of_a_correlated_gaussian_along_the_chain():
    """Means and second moments from 16 correlated chains, within 4 standard errors sd / √ESS of their own."""
    mean, covariance = np.array([1.0, -2.0]), np.array([[1.0, 0.9], [0.9, 1.0]])
    kernel = hmc(gaussian(mean, covariance).energy, step_size=0.3, num_leapfrog=4)

    def quantities(state, info):
        a, b = (state.position - mean).T
        return jnp.stack([a, b, a * a, a * b, b * b], axis=1)

    run = jax.jit(lambda x: summarise(run_chain(kernel, KEY, x, 2200, collect=quantities)[2][200:]))
    table = run(jnp.zeros((16, 2)))
    assert np.all(np.abs(table["mean"] - np.array([0.0, 0.0, 1.0, 0.9, 1.0])) < 4 * table["mcse"])
    assert np.all(table["mcse"] < 0.03) and np.all(table["rhat"] < 1.01)
    independent = np.sqrt(np.array([1.0, 1.0, 2.0, 1.81, 2.0]) / (16 * 2000))  # Var(ab) = 1 + 0.9²
    assert np.all(table["mcse"][:2] > 1.5 * independent[:2])  # the draws are correlated, and the errors know it


def test_mass_is_a_rescaled_step():
    """Momentum of standard deviation τ with kinetic energy p² / (2τ²), so M = τ², is unit mass with step ε / τ."""
    plain, _ = chain(WELLS, 64, 10, step_size=0.1)
    np.testing.assert_allclose(chain(WELLS, 64, 10, step_size=0.2, inverse_mass=0.25)[0], plain, atol=1e-6)
    per_entry = chain(WELLS, 64, 10, step_size=0.2, inverse_mass=[0.25, 1.0])[0]
    again = chain(WELLS, 64, 10, step_size=[0.1, 0.2])[0]
    np.testing.assert_allclose(per_entry, again, atol=1e-6)
    assert np.max(np.abs(per_entry - plain)) > 0.1
    # The right mass makes a badly scaled Gaussian the standard one: same acceptances, same chain up to scale.
    scale = jnp.array([0.01, 10.0])
    start = np.random.default_rng(0).normal(size=(64, 2))
    options = dict(num_steps=10, step_size=0.3)
    scaled, rate = chain(lambda x: standard_normal(x / scale), start=start * scale, inverse_mass=scale**2, **options)
    plain, plain_rate = chain(standard_normal, start=start, **options)
    np.testing.assert_allclose(scaled / scale, plain, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(rate, plain_rate, rtol=1e-3)


def test_a_dense_mass_is_a_change_of_coordinates():
    """HMC with M⁻¹ = Σ = L Lᵀ on N(0, Σ) is HMC of unit mass on N(0, I), path by path: x = L q, equal acceptances.

    With two correlated coordinates of scales .1 and 10, in float64; a third in a leaf of its own.
    """
    with jax.enable_x64(True):
        scale = np.diag([0.1, 10.0, 1.0])
        covariance = scale @ np.array([[1.0, 0.9, 0.3], [0.9, 1.0, 0.1], [0.3, 0.1, 1.0]]) @ scale
        factor, precision = np.linalg.cholesky(covariance), np.linalg.inv(covariance)
        split = lambda rows: {"a": rows[:, :2], "b": rows[:, 2]}
        join = lambda x: jnp.concatenate([x["a"], x["b"][:, None]], axis=1)
        correlated = lambda x: 0.5 * jnp.einsum("bi,ij,bj->b", join(x), precision, join(x))
        start, noise = np.random.default_rng(0).normal(size=(2, 64, 3))

        def run(potential, x, inverse_mass):
            kernel = hmc(potential, step_size=0.8, num_leapfrog=4, inverse_mass=inverse_mass, temperature=2.0)
            with mock.patch.object(pytree, "normal_like", lambda key, tree: split(jnp.asarray(noise))):
                state, info, _ = jax.jit(lambda x: run_chain(kernel, KEY, x, 6))(x)
            return [np.asarray(a) for a in (join(state.position), info.acceptance_rate, join(state.grad))]

        x, rate, grad = run(correlated, split(start @ factor.T), dense_mass(covariance))
        q, expected, q_grad = run(lambda q: standard_normal(join(q)), split(start), 1.0)
    np.testing.assert_allclose(x, q @ factor.T, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(rate, expected, rtol=1e-6)
    np.testing.assert_allclose(grad @ factor, q_grad, rtol=1e-5, atol=1e-5)
    assert 0.5 < np.mean(rate) < 0.99


def test_a_dense_mass_may_be_diagonal():
    """The same chain as with its diagonal; another step size for each coordinate multiplies both."""
    options = dict(step_size=jnp.array([0.2, 0.1]), num_leapfrog=3)
    diagonal = np.array([0.25, 4.0])
    run = lambda mass: jax.jit(lambda x: run_chain(hmc(WELLS, inverse_mass=mass, **options), KEY, x, 10)[0].position)
    start = np.random.default_rng(5).normal(size=(64, 2)).astype(np.float32)
    found, expected = run(dense_mass(np.diag(diagonal)))(start), run(diagonal[None])(start)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.max(np.abs(found - start)) > 0.1
    with pytest.raises(ValueError, match="hmc: inverse_mass is dense over 3 entries, but a position has 2"):
        hmc(WELLS, step_size=0.1, inverse_mass=dense_mass(np.eye(3))).init(start)


@pytest.mark.parametrize("jitter", [0.5, 0.0])
def test_the_number_of_leapfrog_steps_may_be_traced(jitter):
    start = np.random.default_rng(5).normal(size=(64, 2)).astype(np.float32)
    run = lambda num: run_chain(hmc(WELLS, step_size=0.1, num_leapfrog=num, jitter=jitter), KEY, start, 5)[0].position
    np.testing.assert_allclose(jax.jit(run)(7), jax.jit(lambda: run(7))(), atol=1e-5)


def test_temperature_divides_the_energy_and_steps_may_be_scheduled():
    start = np.random.default_rng(5).normal(size=(64, 2)).astype(np.float32)
    tempered, _ = chain(temper(WELLS, 3.0), start=start, num_steps=10)
    plain, _ = chain(WELLS, start=start, num_steps=10, temperature=3.0)
    np.testing.assert_allclose(plain, tempered, atol=1e-3)
    schedules = dict(step_size=lambda k: jnp.where(k < 10, 0.1, 0.0), temperature=lambda k: jnp.where(k < 12, 3.0, 1.0))
    frozen = jax.jit(lambda x: run_chain(hmc(WELLS, **schedules), KEY, x, 15)[0].position)(start)
    np.testing.assert_allclose(frozen, plain, atol=1e-4)


@pytest.mark.parametrize(
    "num_leapfrog, options, lengths",
    [
        (10, {"jitter": 0.4}, range(6, 15)),
        (5, {"jitter": 0.2}, range(4, 7)),
        (10, {}, range(5, 16)),
        (3, {}, range(2, 5)),
        (1, {}, [1]),
        (10, {"jitter": 0}, [10]),
    ],
)
def test_all_lengths_are_drawn_equally_often(num_leapfrog, options, lengths):
    """From x = 1 with p = 0, x after n leapfrog steps is cos(nθ): a chain tells its length, as 15 θ = 1.5 < π."""
    s, num = 0.1, 100 * len(lengths)
    kernel = hmc(standard_normal, step_size=s, num_leapfrog=num_leapfrog, **options)
    with mock.patch.object(pytree, "normal_like", lambda key, tree: jnp.zeros_like(tree)):
        step = lambda key: kernel.step(key, kernel.init(jnp.ones((1, 1))))[0].position[0, 0]
        x = np.asarray(jax.jit(jax.vmap(step))(jax.random.split(KEY, num)))
    drawn = np.arccos(x[x != 1.0]) / np.arccos(1 - s**2 / 2)  # the few that are rejected stay at 1
    found, counts = np.unique(np.round(drawn).astype(int), return_counts=True)
    np.testing.assert_array_equal(found, lengths)
    np.testing.assert_allclose(drawn, np.round(drawn), atol=0.02)
    assert counts.min() > 50  # binomial, 100 ± 10


def test_trajectories_of_one_length_resonate():
    """From x = (1, 1) at Lε ≈ π every chain swaps sides, at any momentum; random lengths, the default, do not."""
    options = dict(start=jnp.ones((256, 2)), num_steps=6, step_size=np.pi / 10, num_leapfrog=10)
    still, _ = chain(standard_normal, jitter=0, **options)
    moved, _ = chain(standard_normal, **options)
    assert np.mean(np.abs(still - 1.0)) < 0.2 < np.std(moved)


@pytest.mark.parametrize("options, low, high", [({}, 250, 2000), ({"jitter": 0}, 0, 100)])
def test_the_defaults_mix_under_adaptation(options, low, high):
    """N(0, I_10), target .8: an ESS of x² and of the energy of an eighth of 2,000 draws at least.

    A quarter was measured, and an ESS is known within about 15 %. With one length, 1 % was measured.
    """
    make_kernel = partial(hmc, **options)
    kernel = adapt_step_size(standard_normal, make_kernel=make_kernel, step_size=0.1, target=0.8, num_adapt=300)
    collect = lambda state, info: jnp.stack([state.position[:, 0] ** 2, state.energy], axis=1)

    @jax.jit
    def run(x):
        return summarise(run_chain(kernel, KEY, x, 800, collect=collect)[2][300:])["ess_bulk"]

    ess = run(jax.random.normal(jax.random.key(1), (4, 10)))
    assert low < np.min(ess) < high


def test_one_gradient_a_leapfrog_step():
    calls = []

    @jax.custom_vjp
    def counted(x):
        return standard_normal(x)

    def backward(x, g):
        jax.debug.callback(lambda: calls.append(1))
        return (g[:, None] * x,)

    counted.defvjp(lambda x: (standard_normal(x), x), backward)
    jax.block_until_ready(chain(counted, 8, 3, step_size=0.1, num_leapfrog=7, jitter=0))
    jax.effects_barrier()
    assert len(calls) == 1 + 3 * 7


def test_momentum_and_acceptance_have_keys_of_their_own():
    """A momentum drawn with the key of the acceptance would be correlated with it; which keys are used is recorded."""
    seen = []
    record = lambda draw: lambda key, *rest: (seen.append(np.asarray(jax.random.key_data(key))), draw(key, *rest))[1]
    module = sys.modules[leapfrog.__module__]
    with (
        mock.patch.object(module.pytree, "normal_like", record(pytree.normal_like)),
        mock.patch.object(module, "accept_or_reject", record(module.accept_or_reject)),
    ):
        kernel = hmc(standard_normal, step_size=0.3, num_leapfrog=2)
        kernel.step(KEY, kernel.init(jnp.ones((4, 2))))
    assert len(seen) == 2 and not np.array_equal(*seen)


@pytest.mark.parametrize("step_size", [10.0, 12.0])
def test_divergences_in_closed_form(step_size):
    """E = x²/2 from x = 0, one leapfrog step: ΔH = p² ε⁴ / 8, above 1000 with P(χ²_1 > 8000 / ε⁴), .371 and .535."""
    kernel = hmc(standard_normal, step_size=step_size, num_leapfrog=1)
    num = 40_000
    state, info, _ = run_chain(kernel, jax.random.key(0), jnp.zeros((num, 1)), 1)
    expected = chi2.sf(8000 / step_size**4, 1)
    assert abs(np.mean(info.num_divergent) - expected) < 4 * np.sqrt(expected * (1 - expected) / num)
    assert np.all(np.asarray(state.position)[np.asarray(info.num_divergent) == 1] == 0)
    # At the start H is the kinetic energy p²/2 alone, of mean 1/2 and variance 1/2.
    assert abs(np.mean(info.hamiltonian) - 0.5) < 4 * np.sqrt(0.5 / num)


def test_divergences_are_counted_over_the_steps():
    """Unstable at ε > 2: every trajectory of 10 steps of 4 diverges, and the chain stays. NaN counts, but not a start
    at an infinite energy, which is left by whatever way."""
    x = jnp.ones((4, 2))
    wall = lambda x: jnp.where(x[:, 0] < 0.0, jnp.nan, standard_normal(x))
    for energy, options, divergent in (
        (standard_normal, {"step_size": 4.0}, 6),
        (standard_normal, {"step_size": 0.1}, 0),
        (wall, {"step_size": 1.0, "num_leapfrog": 1}, None),
    ):
        end, info, _ = jax.jit(lambda x: run_chain(hmc(energy, **options), jax.random.key(0), x, 6))(x)
        if divergent is None:
            np.testing.assert_array_equal(info.num_divergent, info.num_nonfinite)
            assert np.sum(info.num_divergent) > 0
        else:
            assert np.all(info.num_divergent == divergent)
        assert divergent != 6 or np.all(end.position == x)
    cliff = lambda x: jnp.where(x[:, 0] > 0.9, jnp.inf, standard_normal(x))
    end, info, _ = run_chain(hmc(cliff, step_size=0.5, num_leapfrog=2), jax.random.key(1), x, 1)
    left = np.asarray(end.energy) < np.inf
    assert np.any(left) and np.all(info.num_divergent == 0)
