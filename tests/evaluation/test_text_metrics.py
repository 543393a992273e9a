"""Metrics of text models: closed forms where everything is Gaussian, counts by hand, and what each bounds."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.text_short_run.common import RELEASED_STEP_SIZES
from ebmjax.estimators.language_model import num_tokens
from ebmjax.estimators.likelihood import chain_log_abs_det_rows
from ebmjax.evaluation import text as metrics
from ebmjax.mcmc import langevin
from ebmjax.objectives import gaussian_log_prob
from ebmjax.types import EOS, PAD, UNK

X = np.array([[4, 5, EOS, PAD], [EOS, PAD, PAD, PAD], [4, 4, UNK, EOS]], np.int32)

# x = w z + e with unit noise, chains of K steps of size s from N(0, I): z_K ~ N((1 - a^K) μ, c), in each dimension.
W, S, K, M, N = np.array([1.0, 2.0, 0.0]), 0.5, 4, 64, 1500
LAMBDA = 1 + W**2
A = 1 - S**2 * LAMBDA / 2
C = A ** (2 * K) + S**2 * (1 - A ** (2 * K)) / (1 - A**2)


@pytest.fixture(scope="module")
def chains():
    """Means of q given x `[N, 3]`, draws `[M, N, 3]`, log p_0(z_0) and log|det| `[M, N]`."""
    random = np.random.RandomState(0)
    x = W * random.standard_normal((N, 3)) + random.standard_normal((N, 3))
    rows = jnp.tile(jnp.asarray(x, jnp.float32), (M, 1))

    @jax.jit
    def run(key):
        keys = jax.random.split(key)
        start = jax.random.normal(keys[0], rows.shape)
        energy = lambda z: 0.5 * jnp.sum(z**2 + (rows - W * z) ** 2, axis=1)
        end, log_det = chain_log_abs_det_rows(langevin(energy, step_size=S), keys[1], start, K)
        return end, gaussian_log_prob(start, jnp.zeros_like(start), 1.0), log_det

    end, log_prob_start, log_det = run(jax.random.key(0))
    means = (1 - A**K) * W * x / LAMBDA
    return means, end.reshape(M, N, 3), log_prob_start.reshape(M, N), log_det.reshape(M, N)


def test_kl_to_prior(chains):
    """KL(N(m, c) || N(0, 1)) in closed form; the draws' Gaussian estimates it without bias, variances alone too, for
    here nothing is correlated."""
    means, draws, *_ = chains
    exact = 0.5 * np.sum(C + means**2 - 1 - np.log(C), axis=1)
    for diagonal in (False, True):
        found = metrics.kl_to_prior(draws, diagonal=diagonal)
        error = np.asarray(found - exact)
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(N) and error.std() < 0.6
    shifted = metrics.kl_to_prior(draws, -gaussian_log_prob(draws.reshape(-1, 3), jnp.ones(3), 1.0).reshape(M, N))
    exact = 0.5 * np.sum(C + (means - 1) ** 2 - 1 - np.log(C), axis=1)
    assert abs(np.mean(shifted - exact)) < 0.05  # four standard errors of ½ (z - 1)²: .02


def test_fixed_noise_kl_is_larger(chains):
    """½ Σ (c + m² - 1 - log a^2K): larger than KL, for a^2K is the variance that the start alone leaves."""
    means, draws, log_prob_start, log_det = chains
    energy = -gaussian_log_prob(draws.reshape(-1, 3), jnp.zeros(3), 1.0).reshape(M, N)
    found = metrics.fixed_noise_kl_to_prior(log_prob_start, log_det, energy)
    exact = 0.5 * np.sum(C + means**2 - 1 - np.log(A ** (2 * K)), axis=1)
    error = np.asarray(found - exact)
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(N)
    assert np.mean(found) > np.mean(metrics.kl_to_prior(draws)) + 1.0


@pytest.mark.parametrize("noise", ["langevin", "released"])
def test_two_estimates_of_the_kl_of_a_text_posterior(noise):
    """A posterior N(μ, I / 2) in 8 dimensions, μ² = 1 / 2 in each, as on average over the model's own x; 20 steps of .5
    with Langevin's noise, or the released schedule with .2 of it. The chain's end is N((1 - Πa) μ, c). Gaussian moments
    give ½ Σ (c + m² - 1 - log c), the published estimate ½ Σ (c + m² - 1 - log Πa²), the exact posterior 4 log 2."""
    sizes = np.full(20, 0.5) if noise == "langevin" else np.array(RELEASED_STEP_SIZES)
    scale, expected = {"langevin": (1.0, (2.5115, 46.302)), "released": (0.2, (11.952, 18.306))}[noise]
    a = 1 - sizes**2  # precision 2
    c = np.prod(a**2) + sum((scale * s) ** 2 * np.prod(a[i + 1 :] ** 2) for i, s in enumerate(sizes))
    common = c + (1 - np.prod(a)) ** 2 / 2 - 1
    np.testing.assert_allclose((4 * (common - np.log(c)), 4 * (common - np.log(np.prod(a**2)))), expected, rtol=1e-4)

    @jax.jit
    def run(key):
        keys = jax.random.split(key)
        start = jax.random.normal(keys[0], (8000, 8))
        kernel = langevin(lambda z: jnp.sum((z - 0.5**0.5) ** 2, axis=1), noise_scale=scale, step_size=step_size)
        end, log_det = chain_log_abs_det_rows(kernel, keys[1], start, 20)
        return end, *(gaussian_log_prob(z, jnp.zeros_like(z), 1.0) for z in (start, end)), log_det

    step_size = lambda step: jnp.asarray(sizes, jnp.float32)[step]
    end, log_start, log_end, log_det = (part.reshape(80, 100, *part.shape[1:]) for part in run(jax.random.key(0)))
    found = metrics.kl_to_prior(end), metrics.fixed_noise_kl_to_prior(log_start, log_det, -log_end)
    for kl, value in zip(found, expected, strict=True):
        kl = np.asarray(kl)  # independent for each of 100 rows
        assert abs(kl.mean() - value) < 4 * kl.std() / 10 and kl.std() < 0.1 * value + 0.3


def test_active_units(chains):
    """Var_x(m) = (1 - a^K)² (1 - 1/λ); the third dimension ignores x, which the variance of means hides."""
    means, draws, *_ = chains
    found = metrics.between_variance(draws)
    np.testing.assert_allclose(found, means.var(0), atol=0.02)  # four standard errors of a covariance of noise and m
    np.testing.assert_allclose(means.var(0), (1 - A**K) ** 2 * (1 - 1 / LAMBDA), atol=0.12)
    assert metrics.active_units(draws) == 2
    assert np.sum(np.var(np.mean(draws, axis=0), axis=0) > 1e-2) == 3  # what the published form would have counted


@pytest.mark.parametrize("num", [2, 5])
def test_between_variance_of_pure_noise_is_zero(num):
    """All sentences alike: means of M draws of N(0, 1) vary by 1 / M, which is what the correction takes off."""
    draws = jax.random.normal(jax.random.key(num), (num, 20_000, 1))
    # Standard errors: √(2 / N) / M of the variance of means, half as much or less of the correction: .006 with M = 2.
    assert abs(metrics.between_variance(draws)[0]) < 4 * 1.2 * np.sqrt(2 / 20_000) / num


def test_mutual_information(chains):
    """½ Σ log(1 + Var(m) / c) for a Gaussian x, from below: half the draws place the critic's means."""
    means, draws, *_ = chains
    exact = 0.5 * np.sum(np.log1p((1 - A**K) ** 2 * (1 - 1 / LAMBDA) / C))
    found = metrics.mutual_information(draws)
    assert exact - 0.1 < found < exact + 0.08  # the sum of log densities has a standard deviation of .7 over x
    assert found < np.mean(metrics.kl_to_prior(draws))


def test_mutual_information_by_hand():
    """Two draws for the means of each of two sentences, two to score: pooled variance 4 / 2, times 1 + 1/2 for means of
    two; then log f of the own mean less the log of the average over both."""
    draws = np.array([[-1.0, 2.0], [1.0, 4.0], [0.5, 2.0], [-0.4, 5.0]])
    log_f = -0.5 * (draws[2:, :, None] - np.array([0.0, 3.0])) ** 2 / 3.0
    own = np.stack([log_f[:, 0, 0], log_f[:, 1, 1]], axis=1)
    exact = np.mean(own - np.log(np.mean(np.exp(log_f), axis=2)))
    assert metrics.mutual_information(jnp.asarray(draws)[..., None]) == pytest.approx(exact, rel=1e-4)


def test_mutual_information_at_its_ends():
    random = np.random.RandomState(0)
    noise = jnp.asarray(random.standard_normal((40, 200, 2)), jnp.float32)
    assert -0.2 < metrics.mutual_information(noise) < 0.02
    far = noise[:, :8] + 100 * jnp.arange(8.0)[None, :, None]
    np.testing.assert_allclose(metrics.mutual_information(far), np.log(8), rtol=1e-5)


def test_perplexity_of_the_uniform_model():
    """Six equally probable tokens: 6, whatever the lengths; EOS counts, PAD does not."""
    np.testing.assert_array_equal(num_tokens(X), [3, 1, 4])
    np.testing.assert_allclose(metrics.perplexity(-np.log(6) * np.array([3, 1, 4]), X), 6, rtol=1e-5)
    np.testing.assert_allclose(metrics.perplexity(np.array([0.0, -8 * np.log(2), 0.0]), X), 2, rtol=1e-5)


def test_cross_perplexities():
    """Unigram models written out: which one scores what."""

    def fit(tokens):
        counts = np.bincount(np.ravel(tokens)[np.ravel(tokens) != PAD], minlength=6) + 1.0
        log_p = np.log(counts / counts.sum())
        return lambda x: np.sum(np.where(x == PAD, 0, log_p[x]), axis=1)

    train, test, fake = np.array([[4, EOS], [5, EOS]]), np.array([[5, EOS]]), np.array([[4, EOS], [4, EOS]])
    found = metrics.cross_perplexities(fit, train, test, fake)
    # Counts with one added: real {4: 2, 5: 2, EOS: 3, others: 1} of 10, fake {4: 3, EOS: 3, others: 1} of 10.
    np.testing.assert_allclose(found["forward_perplexity"], (0.2 * 0.3) ** -0.5, rtol=1e-5)
    np.testing.assert_allclose(found["reverse_perplexity"], (0.1 * 0.3) ** -0.5, rtol=1e-5)
    np.testing.assert_allclose(found["real_perplexity"], (0.2 * 0.3) ** -0.5, rtol=1e-5)
    few = metrics.cross_perplexities(fit, train, test, np.array([[4, EOS], [EOS, PAD]]), num_forward=1)
    np.testing.assert_allclose(few["forward_perplexity"], (0.2 * 0.3) ** -0.5, rtol=1e-5)
    assert few["reverse_perplexity"] != found["reverse_perplexity"]  # all generated sentences are learned from


def test_swaps():
    """All pairs of words equally often, EOS and PAD in their places, the same words after any number of swaps."""
    rows = np.tile(np.array([[4, 5, 6, EOS, PAD]], np.int32), (3000, 1))
    swap = jax.jit(metrics.swap_words, static_argnums=2)
    once = np.asarray(swap(jax.random.key(0), rows, 1))
    kinds = Counter(tuple(map(int, row)) for row in once)
    assert set(kinds) == {(5, 4, 6, EOS, PAD), (6, 5, 4, EOS, PAD), (4, 6, 5, EOS, PAD)}
    assert all(abs(n - 1000) < 4 * np.sqrt(3000 * 2 / 9) for n in kinds.values())
    np.testing.assert_array_equal(swap(jax.random.key(0), rows, 0), rows)
    mixed = np.asarray(swap(jax.random.key(1), X, 3))
    np.testing.assert_array_equal(np.sort(mixed, axis=1), np.sort(X, axis=1))
    np.testing.assert_array_equal(mixed[1], X[1])  # no words, nothing to swap
    np.testing.assert_array_equal((mixed == EOS) | (mixed == PAD), (X == EOS) | (X == PAD))


def test_noisy_reconstruction():
    """What is scored is the sentence as it was: a code that keeps the words, but not their order, loses nothing."""
    log_prob = lambda z, x: -jnp.sum((z - x) ** 2, axis=1)
    measure = jax.jit(metrics.noisy_reconstruction_nll, static_argnums=(1, 2, 4))
    nll = lambda encode, k: measure(jax.random.key(0), encode, log_prob, X[::2], k)
    ordered, bag = lambda key, x: x, lambda key, x: jnp.sort(x, axis=1)
    np.testing.assert_array_equal(nll(ordered, 0), [0, 0])
    assert nll(ordered, 1)[0] == 2  # 4 and 5 exchanged
    np.testing.assert_array_equal(nll(bag, 0), nll(bag, 1))
