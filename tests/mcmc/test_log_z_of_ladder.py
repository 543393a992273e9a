"""log Z along a ladder: Gaussians in closed form, correlated draws, infinite energies, and the whole run."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import gaussian, standard_normal
from ebmjax.estimators.ladder import bennett, exchange_log_z, log_z_of_ladder
from ebmjax.mcmc import adapt_step_size, base_from, mala

KEY = jax.random.key(0)
LADDER = np.array([1.0, 2.0, 5.0])
SEEDS = 200


def energies(key, correlation, num_steps=400, num_chains=4):
    """|x|² / 2 of draws of N(0, T I) in 3-D at each T, autoregressive and stationary: x' = ρ x + √(1 - ρ²) e."""
    start_key, key = jax.random.split(key)
    noise = jax.random.normal(key, (num_steps, num_chains, 3, 3))
    step = lambda x, e: (correlation * x + jnp.sqrt(1 - correlation**2) * e,) * 2
    x = jax.lax.scan(step, jax.random.normal(start_key, noise.shape[1:]), noise)[1]
    return 0.5 * LADDER * jnp.sum(x**2, axis=-1)


@cache
def runs(correlation):
    estimate = lambda key: log_z_of_ladder(energies(key, correlation), 1.0 / LADDER)
    return jax.jit(jax.vmap(estimate))(jax.random.split(KEY, SEEDS))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_ratios_of_gaussians_and_their_error(correlation):
    """log Z_T - log Z_1 = 1.5 log T. The error is the spread of 200 runs, whose own error is 5 %.

    Energies of draws with ρ = 0.9 have the correlation ρ² = 0.81: taken for independent, the error would be 3.1 times
    too small.
    """
    found = jax.tree.map(np.asarray, runs(correlation))
    exact = 1.5 * np.log(LADDER)
    spread = np.std(found.log_z, axis=0)
    assert np.all(np.abs(np.mean(found.log_z, axis=0) - exact) <= 4 * spread / np.sqrt(SEEDS))
    rms = np.sqrt(np.mean(np.square(found.standard_error), axis=0))
    assert np.all(found.log_z[:, 0] == 0) and np.all(found.standard_error[:, 0] == 0)
    np.testing.assert_allclose(rms[1:], spread[1:], rtol=0.2)
    z = np.abs(found.log_z - exact)[:, 1:] / found.standard_error[:, 1:]
    assert np.mean(z > 3.0) < 0.02
    # Bulk of 1,600 draws: all of them, or (1 - ρ²) / (1 + ρ²) of them.
    share = (1 - correlation**2) / (1 + correlation**2)
    np.testing.assert_allclose(np.mean(found.ess[:, 1:], axis=0) / 1600, share, rtol=0.25)


def test_correlation_is_paid_for():
    assert np.all(np.std(runs(0.9).log_z[:, 1:], axis=0) > 2.0 * np.std(runs(0.0).log_z[:, 1:], axis=0))


def test_a_ladder_in_the_other_order():
    draws = energies(KEY, 0.0)
    estimate = jax.jit(log_z_of_ladder)
    up, down = estimate(draws, 1 / LADDER), estimate(draws[..., ::-1], 1 / LADDER[::-1])
    np.testing.assert_allclose(down.log_z[::-1] - down.log_z[-1], up.log_z, atol=1e-5)
    np.testing.assert_allclose(down.log_z[-1], -up.log_z[-1], atol=1e-5)


def test_bennett_by_hand():
    """V infinite for one draw of replica 0 in four, 0 elsewhere: 3/4 σ(-a) = σ(a), so a = log(3/4)."""
    forward = jnp.array([[jnp.inf, 0.0], [0.0, 0.0]])
    ratio, terms = bennett(forward, jnp.zeros((2, 2)))
    np.testing.assert_allclose(ratio, np.log(0.75), rtol=1e-5)
    np.testing.assert_allclose(jnp.mean(terms), 0.0, atol=1e-6)
    # e^-d constant: log Z_1 / Z_0 = -d without error.
    ratio, terms = bennett(jnp.full((2, 2), 700.0), jnp.full((2, 2), 700.0))
    np.testing.assert_allclose(ratio, -700.0, rtol=1e-6)
    np.testing.assert_allclose(terms, 0.0, atol=1e-3)


def test_the_whole_run_on_a_gaussian():
    """From N(0, 4 I) to variance 0.25 and mean 0.6: log Z = log(2π 0.25); a bad ladder gets better."""
    base = base_from(gaussian((0.0, 0.0), ((4.0, 0.0), (0.0, 4.0))))
    energy = lambda x: standard_normal(x - 0.6) / 0.25
    kernel = partial(adapt_step_size, make_kernel=mala, step_size=0.5, target=0.6, num_adapt=200)
    run = lambda: exchange_log_z(
        KEY, base, energy, betas=[0.0, 0.6, 0.8, 1.0], make_kernel=kernel, num_chains=16, num_steps=300, num_warm_up=40
    )
    found = jax.jit(run)()
    assert abs(found.log_z - np.log(np.pi / 2)) < 3 * found.standard_error and 0.0 < found.standard_error < 0.06
    assert np.ptp(found.swap_rate) < 0.15 and found.betas[1] < 0.2
    np.testing.assert_allclose(found.barrier, 3 - np.sum(found.swap_rate), atol=0.2)
    assert found.position.shape == (16, 2) and found.info.acceptance_rate.shape == (4,)
    assert np.sum(found.round_trips) > 100 and found.ladder.log_z.shape == (4,)
    # At β the path is Gaussian of precision p, and log Z = log(2π / p) - (least energy).
    b = np.asarray(found.betas, np.float64)
    p = (1 - b) / 4 + 4 * b
    exact = np.log(2 * np.pi / p) - (1 - b) * np.log(8 * np.pi) - 0.36 * b * (1 - b) / p
    np.testing.assert_allclose((found.ladder.log_z - exact)[1:] / found.ladder.standard_error[1:], 0.0, atol=3.5)


def test_misuse_is_named():
    base = base_from(gaussian((0.0,), ((1.0,),)))
    run = partial(exchange_log_z, KEY, base, standard_normal, betas=[0.0, 1.0], make_kernel=mala)
    for options in ({"num_chains": 0, "num_steps": 8}, {"num_chains": 2, "num_steps": -1}):
        with pytest.raises(ValueError, match="exchange_log_z: num_(chains|steps) must be"):
            run(**options)
    with pytest.raises(ValueError, match="exchange_log_z: num_rounds must be"):
        run(num_chains=2, num_steps=8, num_rounds=0)
