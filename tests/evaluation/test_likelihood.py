"""Likelihoods of latent-variable models on linear Gaussians: estimated determinants, thermodynamic integration."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from ebmjax.energies import standard_normal
from ebmjax.estimators.likelihood import (
    annealed_log_normalizer,
    chain_log_abs_det_rows,
    estimated_log_abs_det_rows,
    gaussian_proposal_log_likelihood,
    log_normalizer,
    short_run_draws,
    short_run_log_likelihood,
    signed_log_det_rows,
    thermodynamic_log_likelihood,
)
from ebmjax.mcmc import langevin, mala
from ebmjax.objectives import gaussian_log_prob

KEY = jax.random.key(2)


def series(x, num_terms):
    """log(1 - x) cut after as many terms."""
    return -sum(x**k / k for k in range(1, num_terms + 1))


def test_estimated_determinant_of_a_diagonal_is_its_series():
    """Random signs cancel nothing and add nothing there; the rest is below its bound."""
    scale = jnp.array([0.1, 0.5, -0.3])
    for num_terms in (1, 6):
        _, found = estimated_log_abs_det_rows(
            jax.random.key(0), lambda z: z * (1 - scale), jnp.ones((4, 3)), num_terms=num_terms
        )
        np.testing.assert_allclose(found, np.sum(series(np.asarray(scale), num_terms)), rtol=1e-5)
        rest = found - np.sum(np.log1p(-np.asarray(scale)))
        assert np.all(np.abs(rest) < 3 * 0.5 ** (num_terms + 1) / ((num_terms + 1) * 0.5))


def test_estimated_determinant_of_a_chain():
    """On average over rows and signs K Σ log|1 - s² λ_i / 2|, the chain being that of the exact one."""
    weights = np.random.default_rng(0).normal(size=(4, 3))
    precision = np.eye(3) + weights.T @ weights / 0.49
    s, num_steps, num = 0.3, 7, 4000
    rate = s**2 * np.linalg.eigvalsh(precision) / 2
    assert 0.4 < rate.max() < 0.8
    kernel = langevin(lambda z: 0.5 * jnp.sum(z @ jnp.asarray(precision, jnp.float32) * z, axis=1), step_size=s)
    z = jax.random.normal(jax.random.key(1), (num, 3))
    run = jax.jit(partial(chain_log_abs_det_rows, kernel), static_argnames=("num_steps", "num_terms"))
    exact_end, exact = run(jax.random.key(2), z, num_steps=num_steps)
    end, found = run(jax.random.key(2), z, num_steps=num_steps, num_terms=16)
    np.testing.assert_allclose(end, exact_end, atol=1e-5)
    np.testing.assert_allclose(exact, num_steps * np.sum(np.log1p(-rate)), rtol=1e-4)
    rest = num_steps * np.sum(np.log1p(-rate) - series(rate, 16))
    assert abs(rest) < 0.01
    assert abs(np.mean(found) + rest - exact[0]) < 4 * np.std(found) / np.sqrt(num)


@pytest.fixture(scope="module")
def integrated():
    """{number of intervals: (log p(x), integrand `[T, B]`)} of w = 1.5, σ = .7, b = 0, x = 1.2, each in 4,000 rows."""
    num, x, w, sigma = 4000, 1.2, 1.5, 0.7
    log_likelihood = lambda z: gaussian_log_prob(jnp.full((num, 1), x), w * z, sigma)
    start = jax.random.normal(jax.random.key(0), (num, 1))
    run = jax.jit(
        lambda betas: thermodynamic_log_likelihood(
            jax.random.key(1),
            partial(mala, step_size=0.7),
            standard_normal,
            log_likelihood,
            start,
            betas,
            num_warmup=10,
            num_steps=10,
        )
    )
    return {n: jax.tree.map(np.asarray, run(jnp.linspace(0.0, 1.0, n + 1))) for n in (4, 8, 16)}


def closed_form(t):
    """E_t[log p(x | z)] under N(μ_t, 1 / Λ_t), Λ_t = 1 + t w² / σ², μ_t = t w x / (σ² Λ_t)."""
    x, w, sigma = 1.2, 1.5, 0.7
    precision = 1 + t * w**2 / sigma**2
    error = (x - w * t * w * x / sigma**2 / precision) ** 2 + w**2 / precision
    return -0.5 * np.log(2 * np.pi * sigma**2) - error / (2 * sigma**2)


@pytest.mark.slow
def test_thermodynamic_integration(integrated):
    """-1.685691216, with an error of the trapezoidal rule that falls by four when the intervals are halved."""
    exact = -1.685691216
    rule = {n: np.trapezoid(closed_form(t := np.linspace(0, 1, n + 1)), t) for n in integrated}
    for n, (log_p, means) in integrated.items():
        error = np.std(log_p) / np.sqrt(len(log_p))
        assert error < 0.02
        assert abs(np.mean(log_p) - rule[n]) < 4 * error
        assert np.all(np.diff(np.mean(means, axis=1)) > 0)  # the slope is a variance
    errors = [exact - rule[n] for n in (4, 8, 16)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2] > 0
    assert exact - np.mean(integrated[4][0]) > 0.8 * errors[0]  # far more than sampling errs by
    assert (4 * rule[16] - rule[8]) / 3 == pytest.approx(exact, abs=0.003)


@pytest.mark.slow
def test_ends_of_the_power_posterior(integrated):
    """t = 0 is the prior, t = 1 the posterior."""
    means = integrated[8][1]
    for row, t in ((means[0], 0.0), (means[-1], 1.0)):
        assert abs(np.mean(row) - closed_form(t)) < 4 * np.std(row) / np.sqrt(len(row))


def test_log_z_of_a_prior_far_from_its_base():
    """E(z) = -a · z: log Z = ||a||² / 2 = 18; draws of N(0, I) miss it by nats and say so, annealed chains do not."""
    potential = lambda z: 0.5 * jnp.sum(z**2, axis=1) - 3.0 * jnp.sum(z, axis=1)
    options = {"betas": np.linspace(0, 1, 401), "num_chains": 400, "make_kernel": partial(mala, step_size=0.5)}
    found, error, _, _ = jax.jit(lambda key: annealed_log_normalizer(key, potential, 4, **options))(jax.random.key(0))
    assert abs(found - 18) < 4 * error < 1
    drawn = log_normalizer(jax.random.key(0), lambda z: -3.0 * jnp.sum(z, axis=1), 4, 1000)
    assert drawn.log_mean < 16 and np.isinf(drawn.standard_error) and drawn.pareto_k > 1


@pytest.mark.parametrize("sigma, s, num_steps, folds", [(0.5, 0.3, 5, False), (0.5, 0.5, 1, True), (0.3, 0.3, 5, True)])
def test_a_chain_that_folds_is_refused(sigma, s, num_steps, folds):
    """z ~ N(0, 1), x | z ~ N(sin 2z, σ²), x = 1, by quadrature. A chain that is one-to-one (s² λ / 2 = .85 at most)
    averages to p(x). One that folds (2.3) would average to 3 or 8 times p(x): it is refused. Gaussian proposals need no
    such condition."""
    grid = jnp.linspace(-8, 8, 4001)[:, None]
    log_joint = lambda z: norm.logpdf(z[:, 0]) + norm.logpdf(1.0, jnp.sin(2 * z[:, 0]), sigma)
    exact = jnp.sum(jnp.exp(log_joint(grid))) * 16 / 4000
    descent = lambda key, z: descend(lambda z: -log_joint(z), z, s, num_steps)
    rows = 1000
    transport = lambda key, z: signed_log_det_rows(lambda z: descent(key, z), z)
    draw = lambda key: short_run_draws(key, transport, num_rows=rows, dim=1, num_samples=30)
    found = jax.jit(lambda key: short_run_log_likelihood(draw(key), log_joint))(jax.random.key(0))
    if folds:
        assert np.all(np.isnan(found.log_mean))
    else:
        weights = np.exp(np.asarray(found.log_mean, float)) / exact
        assert abs(weights.mean() - 1) < 3 * weights.std() / np.sqrt(rows)
    starts = jax.random.normal(jax.random.key(1), (24 * rows, 1))
    draws = jax.jit(descent)(None, starts).reshape(24, rows, 1)
    estimate = jax.jit(lambda draws: gaussian_proposal_log_likelihood(KEY, log_joint, draws, num_samples=30))
    found = estimate(draws)
    weights = np.exp(np.asarray(found.log_mean, float)) / exact
    assert abs(weights.mean() - 1) < 3 * weights.std() / np.sqrt(rows)


def descend(potential, z, s, num_steps):
    """Langevin's mean: z - (s² / 2) ∇U(z), num_steps times."""
    for _ in range(num_steps):
        z = z - 0.5 * s**2 * jax.grad(lambda z: jnp.sum(potential(z)))(z)
    return z
