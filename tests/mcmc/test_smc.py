"""Tempered SMC: importance sampling as its shortest run, Gaussians in closed form, no bias, the error of one run."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import double_well, gaussian, mixture, standard_gaussian, standard_normal, tilt
from ebmjax.importance import average_weights
from ebmjax.mcmc import (
    Base,
    adapt_step_size,
    annealed_importance_sampling,
    base_from,
    mala,
    sign_rule,
    systematic_resampling,
    tempered_smc,
)
from ebmjax.mcmc.smc import family_shares, next_beta, relative_variance, rounding_noise

KEY = jax.random.key(0)
WIDE = base_from(gaussian((0.0, 0.0), ((4.0, 0.0), (0.0, 4.0))))
MIXTURE = mixture(((-2.0, 0.0), (1.0, 1.0), (0.0, -1.5)), (0.5, 1.0, 0.3), (0.2, 0.5, 0.3))
LOG_Z = 1.7
shifted = lambda x: MIXTURE.energy(x) - LOG_Z
MALA = partial(mala, step_size=0.6)
SEEDS = 200


@cache
def mixture_runs(num_particles, ess):
    """200 runs on the mixture."""
    run = lambda key: tempered_smc(
        key, WIDE, shifted, make_kernel=MALA, num_particles=num_particles, num_steps=5, ess=ess, max_temperatures=12
    )
    return jax.jit(jax.vmap(run))(jax.random.split(KEY, SEEDS))


def test_one_temperature_is_importance_sampling():
    """betas = (0, 1): log Z, error and weights are those of AIS with one jump, which are those of the base's draws."""
    options = {"betas": [0.0, 1.0], "make_kernel": MALA, "num_steps": 1}
    run = jax.jit(lambda: tempered_smc(KEY, WIDE, shifted, num_particles=64, **options))()
    ais = jax.jit(lambda: annealed_importance_sampling(KEY, WIDE, shifted, num_chains=64, **options))()
    assert run.num_temperatures == 1 and run.betas.shape == (2,)
    np.testing.assert_allclose(run.log_weights, ais.log_weights, rtol=1e-5)
    np.testing.assert_allclose(run.log_z, ais.log_z, rtol=1e-5)
    np.testing.assert_allclose(run.ess, ais.ess, rtol=1e-4)
    np.testing.assert_allclose((run.families, run.pareto_k), (ais.ess, ais.pareto_k), rtol=1e-3)
    expected = average_weights(run.log_weights)
    assert np.isfinite(expected.standard_error)
    np.testing.assert_allclose(run.standard_error, expected.standard_error, rtol=1e-3)


def test_the_next_temperature_closed_form():
    """N(0, I) to variance 1/5 in d = 3, V = 2 |x|² + c: the ESS of exp(-δ V) is N ((1 + 8 δ) / (1 + 4 δ)²)^(3/2)."""
    x = jax.random.normal(KEY, (100_000, 3))
    slope = 2.0 * jnp.sum(x**2, axis=1) + 5.0
    for ess in (0.3, 0.5, 0.9):
        step = float(next_beta(slope, jnp.zeros(()), ess))
        # The ESS of 100,000 draws is good to 1 %.
        np.testing.assert_allclose(((1 + 8 * step) / (1 + 4 * step) ** 2) ** 1.5, ess, rtol=0.02)
    assert next_beta(slope, jnp.float32(0.97), 0.5) == 1.0
    # Half of the particles are lost at any β; of the others nothing changes.
    assert next_beta(jnp.where(x[:, 0] > 0, 0.0, jnp.inf), jnp.zeros(()), 0.9) == 1.0


def test_gaussian_closed_form():
    """From N(0, 4 I) to variance 0.25 and mean 1 in 3-D, a pytree: log Z = 1.5 log(2π 0.25)."""
    split = lambda x: {"u": x[:, :1], "v": x[:, 1:, None]}
    wide = gaussian(np.zeros(3), 4.0 * np.eye(3))
    join = lambda x: jnp.concatenate([x["u"], x["v"][..., 0]], axis=1)
    base = Base(lambda key, num: split(wide.sample(key, num)), lambda x: -wide.energy(join(x)) - wide.log_z)
    energy = lambda x: standard_normal(join(x) - 1.0) / 0.25
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=1.0, target=0.6, rule=sign_rule(0.2))
    run = jax.jit(
        lambda: tempered_smc(KEY, base, energy, make_kernel=kernel, num_particles=2000, num_steps=8, ess=0.8)
    )()
    assert abs(run.log_z - 1.5 * np.log(2 * np.pi * 0.25)) < 3 * run.standard_error and run.standard_error < 0.06
    weights, x = np.asarray(jax.nn.softmax(run.log_weights)), np.asarray(join(run.position))
    # Particles of one family are alike: about 500 independent ones are left of 2,000.
    np.testing.assert_allclose(weights @ x, 1.0, atol=4 * 0.5 / np.sqrt(500))
    np.testing.assert_allclose(weights @ (x - 1.0) ** 2, 0.25, atol=4 * 0.25 * np.sqrt(2 / 500))
    num = int(run.num_temperatures)
    assert np.all(np.diff(run.betas[: num + 1]) > 0) and np.all(run.betas[num:] == 1.0)
    np.testing.assert_allclose(run.weights.ess[: num - 1], 1600.0, rtol=1e-3)
    assert np.all(run.weights.ess[num - 1] > 1600.0) and np.all(np.isnan(run.weights.ess[num:]))
    np.testing.assert_allclose(np.nansum(run.weights.log_mean), run.log_z, rtol=1e-5)
    # The step size has come down from 1, for the base's sd of 2, towards the target's 0.5.
    assert 0.45 < np.mean(run.info.acceptance_rate[1:num]) < 0.75
    assert np.all(np.isnan(run.info.energy[num:])) and np.all(run.info.num_nonfinite[:num] == 0)


def test_unbiased_with_given_temperatures():
    """E exp(log Ẑ) = Z with 8 particles and resampling in between, over 20,000 runs; E log Ẑ is below log Z."""
    base, target = base_from(standard_gaussian(1)), double_well(1, 4.0)
    energy = lambda x: target.energy(x) + target.log_z
    run = lambda key: tempered_smc(
        key, base, energy, make_kernel=MALA, num_particles=8, num_steps=1, betas=[0.0, 0.2, 0.5, 1.0]
    )[:2]
    log_z, error = jax.jit(jax.vmap(run))(jax.random.split(KEY, 20_000))
    z = np.exp(np.asarray(log_z, np.float64))  # Z = 1
    assert abs(z.mean() - 1.0) < 4 * z.std() / np.sqrt(z.size) and z.std() / np.sqrt(z.size) < 0.005
    assert np.mean(log_z) < -4 * np.std(log_z) / np.sqrt(z.size)
    assert np.all(np.isinf(error))  # of so few particles nothing can be said


@pytest.mark.parametrize("num_particles, ess", [(512, 0.7), (512, 0.9)])
def test_the_error_of_one_run_is_the_spread_of_many(num_particles, ess):
    """rms of the reported errors against the spread of 200 runs, good to 5 % itself, and no bias beside it.

    The factor of multinomial resampling, or rounding to whole offspring left in by half, would be off by more.
    """
    run = mixture_runs(num_particles, ess)
    known = np.isfinite(run.standard_error)
    assert np.mean(known) > (0.97 if ess == 0.9 else 0.85)
    spread, error = np.std(run.log_z), np.sqrt(np.mean(np.square(run.standard_error[known])))
    assert 0.85 < error / spread < 1.15
    assert abs(np.mean(run.log_z) - LOG_Z) < 4 * spread / np.sqrt(SEEDS) + spread**2  # E log Ẑ = log Z - spread² / 2
    assert np.mean(np.abs((run.log_z - LOG_Z) / run.standard_error) > 3.0) < 0.02


def test_more_ess_is_more_temperatures_and_less_error():
    few, many = mixture_runs(512, 0.7), mixture_runs(512, 0.9)
    assert np.all(few.num_temperatures < np.min(many.num_temperatures))
    assert np.std(many.log_z) < np.std(few.log_z)


def test_systematic_resampling():
    """Rows in order, ⌊N W⌋ or ⌈N W⌉ times, N W on average; a weight of 0 never, one of 1 always."""
    log_weights = jnp.log(jnp.array([0.0, 0.3, 0.05, 0.25, 0.4, 0.0])) + 7.0
    keys = jax.random.split(KEY, 4000)
    rows = np.asarray(jax.jit(jax.vmap(lambda key: systematic_resampling(key, log_weights)))(keys))
    assert np.all(np.diff(rows, axis=1) >= 0)
    counts = np.stack([np.sum(rows == i, axis=1) for i in range(6)], axis=1)
    expected = 6 * np.array([0.0, 0.3, 0.05, 0.25, 0.4, 0.0])
    assert np.all(counts >= np.floor(expected - 1e-5)) and np.all(counts <= np.ceil(expected + 1e-5))
    np.testing.assert_allclose(counts.mean(0), expected, atol=4 * 0.5 / np.sqrt(4000))
    assert np.all(systematic_resampling(KEY, jnp.array([-jnp.inf, 3.0, -jnp.inf])) == 1)
    np.testing.assert_array_equal(systematic_resampling(KEY, jnp.full(50, -3.0)), np.arange(50))


def test_families_by_hand():
    """Weights .1, .2, .3, .4 of particles from 0, 0, 2, 3: shares .3, 0, .3, .4."""
    shares = family_shares(jnp.log(jnp.array([0.1, 0.2, 0.3, 0.4])), jnp.array([0, 0, 2, 3]))
    np.testing.assert_allclose(shares, [0.3, 0.0, 0.3, 0.4], rtol=1e-6)
    # N W = 1.2, 0, 1.2, 1.6: (.2 · .8 + .2 · .8 + .6 · .4) / 16.
    np.testing.assert_allclose(rounding_noise(shares), 0.56 / 16, rtol=1e-5)
    np.testing.assert_allclose(relative_variance(shares, 0.01), (4 * 0.34 - 1) / 3 - 0.01, rtol=1e-5)
    assert relative_variance(jnp.full(4, 0.25), 0.0) == 0.0


def test_a_wall_and_a_target_equal_to_the_base():
    """Half of N(0, I), Z = π, with +inf or NaN behind the wall; and exp(-E) = e³ q, whatever the chains do."""
    base = base_from(standard_gaussian(2))

    @jax.jit
    def run(which):
        behind = jnp.where(which == 0, jnp.inf, jnp.nan)
        wall = lambda x: jnp.where(
            which == 2, -base.log_prob(x) - 3.0, jnp.where(x[:, 0] > 0, standard_normal(x), behind)
        )
        return tempered_smc(KEY, base, wall, make_kernel=MALA, num_particles=1000, num_steps=1, ess=0.7)

    for which in range(2):
        end = run(which)
        assert abs(end.log_z - np.log(np.pi)) < 3 * end.standard_error and 0.02 < end.standard_error < 0.05
        assert end.num_temperatures == 1
        alive = np.isfinite(end.log_weights)
        assert 0.4 < np.mean(alive) < 0.6 and np.all(end.position[alive, 0] > 0)
    same = run(2)
    np.testing.assert_allclose(same.log_z, 3.0, rtol=1e-5)
    assert same.standard_error < 1e-3 and same.num_temperatures == 1


def test_the_last_temperature_is_one():
    """One allowed: the weights are as bad as they are, and the error says that it does not know."""
    base, energy = base_from(standard_gaussian(8)), lambda x: 50.0 * jnp.sum((x - 1.0) ** 2, axis=1)
    run = lambda: tempered_smc(KEY, base, energy, make_kernel=MALA, num_particles=100, max_temperatures=1)
    end = jax.jit(run)()
    assert end.num_temperatures == 1 and end.betas[1] == 1.0 and end.ess < 10 and np.isinf(end.standard_error)


def test_one_trace_and_the_key_decides():
    traces = []

    def energy(scale, x):
        traces.append(1)
        return scale * standard_normal(x)

    @jax.jit
    def run(key, scale, ess):
        base = base_from(standard_gaussian(2))
        potential = tilt(partial(energy, scale), lambda x: x[:, 0])
        return tempered_smc(key, base, potential, make_kernel=MALA, num_particles=32, ess=ess, max_temperatures=20)

    first = run(KEY, 2.0, 0.5)
    calls = len(traces)
    jax.tree.map(np.testing.assert_array_equal, first, run(KEY, 2.0, 0.5))
    other, finer = run(jax.random.key(1), 2.0, 0.5), run(KEY, 2.0, 0.95)
    assert len(traces) == calls
    assert other.log_z != first.log_z and finer.num_temperatures > first.num_temperatures


def test_particles_that_do_not_move_have_no_error():
    """On 64 wells: where nothing is accepted estimates are off by more than the genealogy says, and k̂ of it tells.

    With a step size that moves the particles nearly all runs have an error.
    """
    base, target = base_from(standard_gaussian(6)), double_well(6, 4.0)

    @jax.jit
    def run(step_size):
        kernel = partial(mala, step_size=step_size)
        one = lambda key: tempered_smc(key, base, target.energy, make_kernel=kernel, num_particles=512, num_steps=8)
        return jax.vmap(lambda key: one(key)[:2])(jax.random.split(KEY, 24))

    (log_z, error), (still, unknown) = run(0.35), run(3.0)
    assert np.std(log_z) < 0.12 and np.mean(np.isfinite(error)) >= 0.9
    assert np.std(still) > 0.3 and np.mean(np.isfinite(unknown)) <= 0.2
