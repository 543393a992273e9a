"""The gradient of a generator's entropy against the closed forms of a linear one, whose law is Gaussian."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.flows import nice
from ebmjax.mcmc import hmc, run_chain
from ebmjax.objectives.entropy_gradient import (
    entropy_surrogate,
    importance_score,
    latent_posterior,
    proposal_bound,
    residual_score,
)

NUM, SIGMA = 20_000, 0.5
W = jnp.array([[1.0, 0.3], [-0.5, 0.8], [0.2, 0.1]])  # x = W z + b + σ ε in three dimensions
B = jnp.array([0.5, -1.0, 2.0])
C = W @ W.T + SIGMA**2 * jnp.eye(3)
PRECISION = jnp.linalg.inv(C)
Z, NOISE = (jax.random.normal(jax.random.key(i), (NUM, d)) for i, d in ((0, 2), (1, 3)))


def linear(w):
    return lambda z: z @ w.T + B


X = linear(W)(Z) + SIGMA * NOISE


@pytest.fixture(scope="module")
def scores():
    """{estimator: c `[NUM, 3]`}: of the closed form, importance sampling with many draws, and a chain."""
    noise = jax.random.normal(jax.random.key(2), (400, 2000, 2))
    x, z = X[:2000], Z[:2000]
    score = jax.jit(partial(importance_score, linear(W), sigma=SIGMA, scale=0.6))
    sampled, effective = score(x, z, noise=noise)
    kernel = hmc(latent_posterior(linear(W), x, SIGMA), step_size=0.4, num_leapfrog=4)
    keep = lambda state, info: state.position
    chain = jax.jit(lambda key: run_chain(kernel, key, z, 200, collect=keep)[2])(jax.random.key(3))
    exact = (X - B) @ PRECISION
    by_chain = residual_score(linear(W), x, chain, SIGMA).mean(0)
    return {"exact": exact, "sampled": sampled, "chain": by_chain, "effective": effective}


def test_scores_of_a_linear_generator(scores):
    """c = C⁻¹ (x - b). One draw of z has residual variance σ² W Λ⁻¹ Wᵀ / σ⁴, Λ the posterior's precision."""
    covariance = jnp.linalg.inv(jnp.eye(2) + W.T @ W / SIGMA**2)
    sd = jnp.sqrt(jnp.diag(W @ covariance @ W.T)) / SIGMA**2
    exact = scores["exact"][:2000]
    # Errors of averages of about effective / 2 draws; squared, over 2,000 rows.
    assert scores["effective"].mean() > 50
    for name, draws in (("sampled", 50), ("chain", 50)):
        error = jnp.sqrt(jnp.mean((scores[name] - exact) ** 2, axis=0))
        assert jnp.all(error < sd / np.sqrt(draws)), (name, error, sd)


@pytest.mark.parametrize("name", ["exact", "sampled", "chain"])
def test_gradient_of_the_surrogate_is_that_of_the_entropy(name, scores):
    """dH/dW = C⁻¹ W and dH/dσ = σ tr C⁻¹, of H = log det(2πe C) / 2."""
    c = scores[name]
    z, noise = Z[: len(c)], NOISE[: len(c)]
    surrogate = lambda w, sigma: entropy_surrogate(c, linear(w)(z) + sigma * noise)
    found = jax.grad(surrogate, (0, 1))(W, SIGMA)
    entropy = lambda w, sigma: 0.5 * jnp.linalg.slogdet(2 * jnp.pi * jnp.e * (w @ w.T + sigma**2 * jnp.eye(3)))[1]
    expected = jax.grad(entropy, (0, 1))(W, SIGMA)
    np.testing.assert_allclose(expected[0], PRECISION @ W, rtol=1e-4)
    np.testing.assert_allclose(expected[1], SIGMA * jnp.trace(PRECISION), rtol=1e-4)
    # c_i z_j and c · ε have standard deviations below 2.5: five standard errors.
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, atol=5 * 2.5 / np.sqrt(len(c)))


def test_a_chain_that_stays_at_its_start_does_not_see_the_gradient_in_g():
    """c = ε / σ is right on average given x, but independent of z: the slope in W is 0, not C⁻¹ W; in σ 3 / σ."""
    c = residual_score(linear(W), X, Z[None], SIGMA).mean(0)
    np.testing.assert_allclose(c, NOISE / SIGMA, atol=1e-4)
    surrogate = lambda w, sigma: entropy_surrogate(c, linear(w)(Z) + sigma * NOISE)
    of_w, of_sigma = jax.grad(surrogate, (0, 1))(W, SIGMA)
    # ε_i z_j / σ has a standard deviation of 2, |ε|² / σ of √6 / σ: five standard errors.
    np.testing.assert_allclose(of_w, 0, atol=5 * 2 / np.sqrt(NUM))
    np.testing.assert_allclose(of_sigma, 3 / SIGMA, atol=5 * np.sqrt(6) / SIGMA / np.sqrt(NUM))
    assert jnp.max(jnp.abs(PRECISION @ W)) > 0.4


def test_the_score_is_held_fixed():
    """mean c · x of c = x = w (1, 1): the slope in w through x alone is 2 w, twice that through both."""
    ones = jnp.ones((3, 2))
    assert jax.grad(lambda w: entropy_surrogate(w * ones, w * ones))(1.5) == 3.0
    assert entropy_surrogate(1.5 * ones, 2.0 * ones) == 6.0


def test_a_generator_that_ignores_z():
    """W = 0: c = (x - b) / σ² whatever the draws are, weights uniform where the proposal is the prior, best scale 1."""
    zero, noise = linear(jnp.zeros((3, 2))), jax.random.normal(jax.random.key(4), (16, 50, 2))
    x, z = X[:50], jnp.zeros((50, 2))
    c, effective = importance_score(zero, x, z, sigma=SIGMA, scale=1.0, noise=noise)
    np.testing.assert_allclose(c, (x - B) / SIGMA**2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(effective, 16.0, rtol=1e-5)
    _, narrow = importance_score(zero, x, z, sigma=SIGMA, scale=0.5, noise=noise)
    assert jnp.all(narrow < 15.99)


def test_best_scale_of_the_proposal():
    """η_j² = 1 / (1 + ||W_j||² / σ²): there the bound's gradient in log η vanishes, and it is a maximum."""
    best = -0.5 * jnp.log(1 + jnp.sum(W**2, axis=0) / SIGMA**2)
    bound = lambda s: proposal_bound(linear(W), X, Z, sigma=SIGMA, log_scale=s, noise=jnp.roll(Z, 1, axis=0))
    grad = jax.jit(jax.grad(bound))
    # d/d log η of η² ε² (1 + ||W_j||²/σ²) / 2 + η ε (...) has a standard deviation below 8 at the best scale.
    assert jnp.all(jnp.abs(grad(best)) < 5 * 8 / np.sqrt(NUM))
    assert jnp.all(grad(best - 0.5) > 0.2) and jnp.all(grad(best + 0.5) < -0.2)


def test_entropy_and_energy_bound_log_z():
    """E_q[-E] + H(q) ≤ log Z, 0 for a normalised energy: NICE and a linear generator with a closed-form entropy."""
    flow = nice(3, num_layers=2, widths=(16,))
    start = jax.jit(flow.init)(jax.random.key(5), X[:4])
    log_prob = jax.jit(flow.log_prob)
    entropy = 0.5 * jnp.linalg.slogdet(2 * jnp.pi * jnp.e * C)[1]
    found = log_prob(jax.tree.map(lambda leaf: leaf + 0.1, start), X)  # with scales other than 1
    assert jnp.mean(found) + entropy < -5 * jnp.std(found) / np.sqrt(NUM)
    # Without shifts and scales p is N(0, I): attained by q = p.
    found = log_prob(jax.tree.map(jnp.zeros_like, start), NOISE)
    assert abs(jnp.mean(found) + 1.5 * jnp.log(2 * jnp.pi * jnp.e)) < 5 * jnp.std(found) / np.sqrt(NUM)
