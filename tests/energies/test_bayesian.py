"""Posteriors against SciPy's densities, and the eight schools against a quadrature in two dimensions.

That draws and energies of the eight schools agree is also in test_analytic.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ebmjax.energies import breast_cancer, eight_schools, logistic_regression, stochastic_volatility
from ebmjax.energies.bayesian import EFFECTS, ERRORS, half_cauchy, simulated_returns
from ebmjax.pytree import value_and_grad_rows

RANDOM = np.random.default_rng(0)
NUM = 40_000


def test_logistic_regression_and_its_gradient():
    """-log of Bernoulli likelihoods and the prior; gradient -Xᵀ(y - p) + x / sd²."""
    features, labels = RANDOM.normal(size=(20, 3)), RANDOM.integers(0, 2, 20)
    target, x = logistic_regression(features, labels, prior_sd=1.5), RANDOM.normal(size=(5, 3))
    p = 1 / (1 + np.exp(-x @ features.T))
    log_joint = stats.bernoulli.logpmf(labels, p).sum(1) + stats.norm.logpdf(x, scale=1.5).sum(1)
    energy, grad = value_and_grad_rows(target.energy, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(energy, -log_joint, rtol=1e-5)
    np.testing.assert_allclose(grad, (p - labels) @ features + x / 1.5**2, rtol=1e-4, atol=1e-5)
    assert target.sample is None and np.isnan(target.log_z)


def test_breast_cancer_data():
    """569 tumours, 357 of label 1; at x = 0 all have probability 1/2, and the intercept has the gradient
    569 / 2 - 357."""
    target = breast_cancer()
    energy, grad = value_and_grad_rows(target.energy, jnp.zeros((1, 31)))
    assert target.dim == 31
    np.testing.assert_allclose(energy, 569 * np.log(2) + 31 * 0.5 * np.log(2 * np.pi), rtol=1e-5)
    np.testing.assert_allclose(grad[0, 0], 569 / 2 - 357, rtol=1e-5)


def test_half_cauchy():
    """Density of log τ: that of τ times τ."""
    log_tau = np.array([-20.0, -1.0, 0.0, 2.0, 20.0])
    expected = stats.halfcauchy.logpdf(np.exp(log_tau), scale=5.0) + log_tau
    np.testing.assert_allclose(half_cauchy(jnp.asarray(log_tau, jnp.float32), 5.0), -expected, rtol=1e-5)


@pytest.mark.parametrize("centred", [True, False])
def test_eight_schools_energy(centred):
    """-log of the joint density; without centring in units of τ, that is times the Jacobian τ⁸."""
    mu, log_tau, rest = RANDOM.normal(size=6), RANDOM.normal(size=6), RANDOM.normal(size=(6, 8))
    tau = np.exp(log_tau)
    theta = rest if centred else mu[:, None] + tau[:, None] * rest
    log_joint = stats.norm.logpdf(EFFECTS, theta, ERRORS).sum(1) + stats.norm.logpdf(mu, 0, 5)
    log_joint += stats.norm.logpdf(theta, mu[:, None], tau[:, None]).sum(1) + (0 if centred else 8 * log_tau)
    log_joint += stats.halfcauchy.logpdf(tau, scale=5) + log_tau
    x = np.concatenate([mu[:, None], log_tau[:, None], rest], axis=1)
    np.testing.assert_allclose(eight_schools(centred).energy(jnp.asarray(x, jnp.float32)), -log_joint, rtol=1e-5)


def schools_by_quadrature():
    """(log evidence, {quantity: mean and variance}), by the trapezoid rule over μ and log τ, θ in closed form."""
    mu, log_tau = np.meshgrid(np.linspace(-35, 45, 801), np.linspace(-20, 6, 1041), indexing="ij")
    tau2 = np.exp(2 * log_tau)
    variance = tau2[..., None] + ERRORS**2
    log_p = stats.norm.logpdf(EFFECTS, mu[..., None], np.sqrt(variance)).sum(-1) + stats.norm.logpdf(mu, 0, 5)
    log_p += stats.halfcauchy.logpdf(np.exp(log_tau), scale=5) + log_tau
    weights = np.exp(log_p) * 0.1 * 0.025
    shrink = tau2[..., None] / variance
    theta, spread = mu[..., None] + shrink * (EFFECTS - mu[..., None]), shrink * ERRORS**2
    mean = lambda value: np.tensordot(weights, value, axes=2) / weights.sum()
    moments = {"mu": (mean(mu), mean(mu**2)), "log_tau": (mean(log_tau), mean(log_tau**2))}
    moments["tau"] = (mean(np.exp(log_tau)), mean(tau2))
    moments["theta"] = (mean(theta), mean(theta**2 + spread))
    return np.log(weights.sum()), {name: (m, s - m**2) for name, (m, s) in moments.items()}


def test_eight_schools_moments_by_quadrature():
    """Log evidence to 1e-5, means of exact draws within 4.5 standard errors, and the posterior known from the books:
    school A about 6.2, τ about 3.6."""
    log_evidence, moments = schools_by_quadrature()
    for centred in (True, False):
        target = eight_schools(centred)
        np.testing.assert_allclose(target.log_z, log_evidence, atol=1e-5)
        x = np.asarray(target.sample(jax.random.key(0), NUM), np.float64)
        mu, log_tau, theta = x[:, 0], x[:, 1], x[:, 2:]
        theta = theta if centred else mu[:, None] + np.exp(log_tau)[:, None] * theta
        for name, draws in {"mu": mu, "log_tau": log_tau, "tau": np.exp(log_tau), "theta": theta}.items():
            mean, variance = moments[name]
            assert np.all(np.abs(draws.mean(0) - mean) < 4.5 * np.sqrt(variance / NUM)), (centred, name)
            # The variance of a sample variance is about 2 σ⁴ / N, of these tails up to ten times that.
            np.testing.assert_allclose(draws.var(0), variance, rtol=4.5 * np.sqrt(20 / NUM))
    np.testing.assert_allclose(moments["theta"][0][0], 6.2, atol=0.15)
    np.testing.assert_allclose(moments["tau"][0], 3.6, atol=0.15)


def test_stochastic_volatility_energy():
    """-log of the joint density of a short series, with φ = tanh a uniform and the Jacobians 1 - φ² and σ."""
    y, x = simulated_returns(4), RANDOM.normal(size=(5, 7))
    mu, phi, sigma, h = x[:, :1], np.tanh(x[:, 1:2]), np.exp(x[:, 2:3]), x[:, 3:]
    log_joint = stats.norm.logpdf(y, 0, np.exp(h / 2)).sum(1)
    log_joint += stats.norm.logpdf(h[:, :1], mu, sigma / np.sqrt(1 - phi**2))[:, 0]
    log_joint += stats.norm.logpdf(h[:, 1:], mu + phi * (h[:, :-1] - mu), sigma).sum(1)
    prior = stats.cauchy.logpdf(mu, 0, 10) + np.log(0.5) + np.log(1 - phi**2)
    prior += stats.halfcauchy.logpdf(sigma, scale=5) + np.log(sigma)
    target = stochastic_volatility(y)
    np.testing.assert_allclose(target.energy(jnp.asarray(x, jnp.float32)), -log_joint - prior[:, 0], rtol=1e-5)
    assert target.dim == 7 and stochastic_volatility().dim == 103


def test_simulated_returns_are_fixed_and_of_their_law():
    """log y² has the mean -1 - 1.27 and the variance σ² / (1 - φ²) + π² / 2 = .641 + 4.935."""
    y = simulated_returns(20_000)
    np.testing.assert_array_equal(simulated_returns(), simulated_returns())
    log_square = np.log(y**2)
    # h has an autocorrelation time of (1 + φ) / (1 - φ) = 39.
    assert abs(log_square.mean() + 1 + 1.2704) < 4.5 * np.sqrt((39 * 0.641 + 4.935) / 20_000)
    np.testing.assert_allclose(log_square.var(), 0.641 + np.pi**2 / 2, rtol=0.08)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1], [0.5, 0, 1]])
def test_labels_are_checked(labels):
    with pytest.raises(ValueError, match=r"labels \[N\] of 0 and 1"):
        logistic_regression(np.ones((3, 2)), labels)
