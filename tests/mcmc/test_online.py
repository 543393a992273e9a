"""Statistics without stored draws: equal to those of the stored draws, and exact where float32 sums would not be."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import diagnostics
from ebmjax.energies import standard_normal
from ebmjax.mcmc import ChainState, Info, Kernel, hmc, langevin, mala, online, run_chain

KEY = jax.random.key(0)
START = {"a": jnp.linspace(-1.0, 1.0, 12).reshape(6, 2), "b": jnp.linspace(0.0, 1.0, 6)}
NUM_STEPS = 21


def keep(state, info):
    return state.position


@cache
def found():
    """One run of mala with everything at once: its draws, and the statistics that saw them."""
    kernel = mala(standard_normal, step_size=0.8)
    collect = {
        "draws": keep,
        "moments": online.moments(covariance=True),
        "halves": online.in_halves(online.moments(covariance=True)),
        "energy": online.moments(lambda state, info: info.energy),
        "energies": lambda state, info: info.energy,
    }
    run = jax.jit(lambda x: run_chain(kernel, KEY, x, NUM_STEPS, collect=collect)[2])
    return jax.tree.map(np.asarray, run(START))


def flat(draws):
    """Draws of both leaves, `[N, B, 3]` in float64."""
    return np.concatenate([draws["a"], draws["b"][..., None]], axis=-1).astype(np.float64)


def assert_moments_of(moments, draws):
    """draws `[N, B, 3]`."""
    close = partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-6)
    assert np.all(moments.count == len(draws))
    close(flat(moments.mean), draws.mean(0))
    close(flat(moments.variance), draws.var(0, ddof=1))
    for chain, covariance in enumerate(moments.covariance):
        close(covariance, np.cov(draws[:, chain].T))


def test_moments_are_those_of_the_stored_draws():
    assert_moments_of(found()["moments"], flat(found()["draws"]))
    np.testing.assert_allclose(found()["energy"].mean, found()["energies"].mean(0), rtol=1e-5)
    assert found()["energy"].covariance == ()


def test_halves_leave_out_the_middle_draw():
    """21 steps: draws 0 to 9, and 11 to 20."""
    draws, halves = flat(found()["draws"]), found()["halves"]
    assert_moments_of(jax.tree.map(lambda a: a[:, 0], halves), draws[:10])
    assert_moments_of(jax.tree.map(lambda a: a[:, 1], halves), draws[11:])


def test_pooled_halves_and_chains():
    draws, halves = flat(found()["draws"]), found()["halves"]
    both = np.concatenate([draws[:10], draws[11:]])
    assert_moments_of(jax.jit(partial(online.pooled, axis=1))(halves), both)
    whole = jax.jit(lambda m: online.pooled(online.pooled(m, axis=1)))(halves)
    assert_moments_of(jax.tree.map(lambda a: jnp.asarray(a)[None], whole), both.reshape(-1, 1, 3))


def test_rhat_without_draws_is_that_of_the_draws():
    stored = lambda x: (diagnostics.split_rhat(x), diagnostics.nested_rhat(x, 3))
    expected = jax.jit(partial(jax.tree.map, stored))(found()["draws"])
    split = jax.jit(diagnostics.rhat_of_moments)(found()["halves"])
    nested = jax.jit(lambda m: diagnostics.nested_rhat_of_moments(m, 3))(found()["moments"])
    for name in expected:
        np.testing.assert_allclose((split[name], nested[name]), expected[name], rtol=1e-5)
    assert np.all(split["a"] > 1.02)  # chains of 21 steps from far apart: no test that 1 would pass
    with pytest.raises(ValueError, match="equal superchains, got 4 of 6 chains"):
        diagnostics.nested_rhat_of_moments(found()["moments"], 4)


def test_one_step():
    """Variances of one draw are NaN, except in nested R-hat, which needs none."""
    kernel = langevin(standard_normal, step_size=0.5)
    _, _, (moments, x) = run_chain(kernel, KEY, START["a"], 1, collect=(online.moments(), keep))
    assert np.all(moments.count == 1) and np.all(np.isnan(moments.variance))
    np.testing.assert_array_equal(moments.mean, x[0])
    nested = diagnostics.nested_rhat_of_moments(moments, 2)
    np.testing.assert_allclose(nested, diagnostics.nested_rhat(x, 2), rtol=1e-5)
    _, _, nothing = run_chain(kernel, KEY, START["a"], 0, collect=online.moments())
    assert np.all(nothing.count == 0) and np.all(np.isnan(nothing.mean))


def reciting(values):
    """A kernel whose position after step i is values(i) `[B]`."""
    zero = lambda x: jnp.zeros(len(x))

    def step(rng_key, state):
        state = state._replace(position=values(state.step + 1.0), step=state.step + 1)
        return state, Info(*[state.energy] * 4)

    return Kernel(lambda x: ChainState(x, zero(x), (), jnp.zeros((), jnp.int32)), step)


def test_a_large_mean_keeps_its_digits():
    """70,000 steps up a ramp of variance 1 from 1e4, where the spacing of float32 is 1e-3: mean 1e4 + √3, variance 1.

    A mean that moves by (x - mean) / n alone, here 2.5e-5, stays at 1e4, for a step must be half a spacing. With what
    rounding took from it, which is kept beside it, the mean is that of the draws to 1e-9, and without it, or
    with the wrong sign, off by 1e-6.
    """
    length, width = 70_000, float(np.sqrt(12))
    kernel = reciting(lambda i: jnp.full(1, 1e4 + width / length * i))
    two_parts = online.moments()._replace(finish=lambda carry: carry[1:3])
    collect = {"moments": online.moments(), "mean": two_parts, "x": keep}
    found = jax.jit(lambda x: run_chain(kernel, KEY, x, length, collect=collect)[2])(jnp.full(1, 1e4))
    np.testing.assert_allclose(found["moments"].mean, 1e4 + width / 2, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["moments"].variance, 1.0, rtol=1e-4)
    mean, lost = np.asarray(found["mean"], np.float64)
    np.testing.assert_allclose(mean - lost, np.asarray(found["x"], np.float64).mean(), rtol=0, atol=1e-7)


def test_a_chain_with_a_draw_that_is_not_finite_has_no_moments():
    kernel = reciting(lambda i: jnp.array([1.0, jnp.where(i == 2, jnp.inf, 1.0)]) * i)
    moments = run_chain(kernel, KEY, jnp.zeros(2), 5, collect=online.moments())[2]
    assert np.isfinite(moments.variance[0]) and np.isnan(moments.mean[1]) and np.isnan(moments.variance[1])


@pytest.mark.parametrize("thin", [3, 7])
def test_thinned_draws_are_every_thin_th(thin):
    """Bit for bit; averages, and statistics of every step, do not notice."""
    kernel, x = hmc(standard_normal, step_size=0.3, num_leapfrog=4), START["a"]
    collect = {"x": keep, "info": lambda state, info: info, "moments": online.moments()}
    run = jax.jit(lambda x, thin: run_chain(kernel, KEY, x, NUM_STEPS, collect=collect, thin=thin), static_argnums=1)
    (end, info, whole), (last, mean, kept) = run(x, 1), run(x, thin)
    assert kept["x"].shape == (NUM_STEPS // thin, 6, 2)
    traces = ("x", "info")
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[thin - 1 :: thin], b),
        *[[c[name] for name in traces] for c in (whole, kept)],
    )
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), info, mean)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), whole["moments"], kept["moments"])
    jax.tree.map(np.testing.assert_array_equal, end, last)
    with pytest.raises(ValueError, match=r"^run_chain: thin = 4 must divide num_steps = 21$"):
        run_chain(kernel, KEY, x, NUM_STEPS, thin=4)


def radial(x):
    """E = |x|: |x| has the law Gamma(D), of variance D."""
    return jnp.sqrt(jnp.sum(x**2, axis=-1) + 1e-12)


def quartic(x):
    """E = Σ x⁴: each x⁴ has the law Gamma(1/4), of variance 1/4."""
    return jnp.sum(x**4, axis=-1)


D = 10


@pytest.mark.parametrize(
    "energy, step_size, temperature, expected",
    [
        (standard_normal, 0.3, 1.0, 1.0),
        (standard_normal, 0.6, 4.0, 1.0),
        (radial, 0.5, 1.0, 2 / 3),
        (quartic, 0.1, 1.0, 4 / 3),
    ],
    ids=["normal", "hot", "radial", "quartic"],
)
def test_ebfmi_in_closed_form(energy, step_size, temperature, expected):
    """D / (Var(E / T) + D / 2). 64 chains from their own end after 200 steps; 400 steps with acceptance above .98.

    A chain's spread of H about its own mean is too small by the autocorrelation time of H over 400, which is below 2 %
    here; the standard error of the mean over 64 chains, some .006, is small beside it.
    """
    kernel = hmc(energy, step_size=step_size, num_leapfrog=8, temperature=temperature)
    collect = {"online": online.ebfmi(), "trace": lambda state, info: info.hamiltonian}

    @jax.jit
    def run(x):
        state, _, _ = run_chain(kernel, KEY, x, 200)
        return run_chain(kernel, jax.random.key(1), state.position, 400, collect=collect)[1:]

    info, trace = run(jax.random.normal(KEY, (64, D)))
    assert np.mean(info.acceptance_rate) > 0.97 and np.all(info.num_divergent == 0)
    np.testing.assert_allclose(trace["online"], diagnostics.ebfmi(trace["trace"]), rtol=1e-3)
    np.testing.assert_allclose(np.mean(trace["online"]), expected, rtol=0.04)
    h = np.asarray(trace["trace"], np.float64)
    np.testing.assert_allclose(
        diagnostics.ebfmi(trace["trace"]), (np.diff(h, axis=0) ** 2).sum(0) / (h.var(0) * 400), rtol=1e-4
    )


def test_kernels_without_a_hamiltonian_have_no_ebfmi():
    kernel = langevin(standard_normal, step_size=0.5)
    _, info, found = run_chain(kernel, KEY, START["a"], 5, collect=online.ebfmi())
    assert np.all(np.isnan(found)) and np.all(info.hamiltonian == 0) and np.all(info.num_divergent == 0)
