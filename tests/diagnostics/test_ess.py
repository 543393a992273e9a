"""Effective sample sizes against closed forms: AR(1), IID, importance weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import lfilter

from ebmjax import diagnostics

NUM_STEPS, NUM_CHAINS = 20_000, 8
ALL = jax.jit(lambda x: jnp.stack([diagnostics.ess_mean(x), diagnostics.ess_bulk(x), diagnostics.ess_tail(x)]))


def ar1(coefficient, seed=0):
    noise = np.random.default_rng(seed).normal(size=(NUM_STEPS, NUM_CHAINS))
    noise[0] /= np.sqrt(1 - coefficient**2)  # starts in its stationary law
    return lfilter([1.0], [1.0, -coefficient], noise, axis=0).astype(np.float32)


@pytest.mark.parametrize("coefficient", [0.9, 0.5, 0.0, -0.5])
def test_autoregression(coefficient):
    """ESS / S = (1 - ρ) / (1 + ρ): 0.0526 at 0.9, 1 for IID draws, 3 (more than S) at -0.5."""
    mean, bulk, tail = np.asarray(ALL(ar1(coefficient))) / (NUM_STEPS * NUM_CHAINS)
    expected = (1 - coefficient) / (1 + coefficient)
    # The cut keeps W ≈ a few τ of lags, with relative sd √(2 (2W+1) / S) ≈ 2 %; ranks of Gaussians are Gaussian.
    np.testing.assert_allclose([mean, bulk], expected, rtol=0.08)
    # The indicator of x ≤ q decorrelates faster in |ρ|: between the law of the mean and that of IID draws.
    low, high = sorted([expected, 1.0])
    assert 0.9 * low < tail < 1.1 * high


def test_by_hand():
    """Half-chains 0, 1, 2, 3, 4 and the same plus 0, 1 or 2: ρ_t = 1 - (W - c_t) / V, c = 2, .8, -.2, -.8, W = 5/2.

    V = 2 + shift² / 2. Two pairs: τ = 1 + 2 ρ_1, plus ρ_2 where P_1 > 0: in the last, with ρ = .575, .325, .175.
    """
    half = np.arange(5.0)[:, None, None]
    found = diagnostics.ess_mean(np.concatenate([half + np.zeros(3), half + np.arange(3.0)]))
    np.testing.assert_allclose(found, [10 / 1.3, 10 / 1.64, 10 / 2.475], rtol=1e-5)


def test_chains_that_disagree_count_little():
    x = 0.1 * ar1(0.0) + np.repeat([-1.0, 1.0], 4).astype(np.float32)
    assert np.all(np.asarray(ALL(x))[:2] < 30)


def test_antithetic_chains_are_bounded():
    """Perfect alternation has ρ_1 = -1 and τ = 0; the bound is S log10 S."""
    x = np.where(np.arange(NUM_STEPS)[:, None] % 2 == 0, 1.0, -1.0) * np.ones((1, NUM_CHAINS))
    size = NUM_STEPS * NUM_CHAINS
    np.testing.assert_allclose(ALL(x.astype(np.float32))[0], size * np.log10(size), rtol=1e-5)


def test_constant_draws_count_each():
    constant = np.full((NUM_STEPS, NUM_CHAINS), 0.1, np.float32)
    np.testing.assert_array_equal(ALL(constant), np.full(3, constant.size))


def test_tail_sees_what_the_bulk_does_not():
    """Chains whose scale drifts slowly: location mixes at once, the tails do not."""
    scale = np.exp(1.5 * np.tanh(20 * ar1(0.99, seed=1) / np.std(ar1(0.99, seed=1))))
    mean, bulk, tail = np.asarray(ALL((ar1(0.0) * scale).astype(np.float32))) / (NUM_STEPS * NUM_CHAINS)
    assert bulk > 0.8 and tail < 0.3


def test_autocorrelation():
    rho = np.asarray(jax.jit(diagnostics.autocorrelation, static_argnums=1)(ar1(0.8), 6))
    assert rho.shape == (6, NUM_CHAINS)
    np.testing.assert_allclose(rho[0], 1.0, rtol=1e-6)
    # sd of one chain's estimate < √((1+ρ²)/(1-ρ²)/N) = 0.015; the mean over 8 chains 0.0053.
    np.testing.assert_allclose(rho.mean(axis=1), 0.8 ** np.arange(6), atol=0.02)


def test_autocorrelation_is_the_plain_sum():
    x = np.random.default_rng(3).normal(size=(13, 2, 3)).astype(np.float32)
    x[:, 0, 0] = 0.1
    rho = np.asarray(diagnostics.autocorrelation(x))
    assert rho.shape == x.shape and np.all(np.isnan(rho[:, 0, 0]))
    centred = x - x.mean(axis=0)
    products = np.stack([np.sum(centred[: 13 - t] * centred[t:], axis=0) for t in range(13)])
    np.testing.assert_allclose(rho[:, 1], (products / products[0])[:, 1], atol=1e-5)
