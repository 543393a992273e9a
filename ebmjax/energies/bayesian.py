"""Posteriors of Bayesian models, on R^dim: energies are -log of the joint density of parameters and data.

log Z is therefore the log evidence. Positive parameters are their logarithms here, with the Jacobian.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ebmjax.energies.analytic import LOG_2PI, Target
from ebmjax.energies.landscapes import MAX_EXPONENT, inverse_cdf
from ebmjax.types import Array

MAX_LOG_SCALE = 25.0
"""Scales are held at e^-25 or e^25 where they divide or multiply: far from all mass, and squares fit into float32."""


def half_cauchy(log_scale: Array, width: float) -> Array:
    """Energy of log τ for τ ~ half-Cauchy(0, width)."""
    log_ratio = log_scale - np.log(width)
    return jax.nn.softplus(2.0 * log_ratio) - log_ratio + np.log(np.pi / 2.0)


def logistic_regression(features: ArrayLike, labels: ArrayLike, prior_sd: float = 1.0) -> Target:
    """P(label = 1) = sigmoid(features · x) with x ~ N(0, prior_sd² I). No exact draws, and log Z is not known.

    features: `[N, dim]`, with a column of ones for an intercept. labels: `[N]`, 0 or 1.
    """
    labels = np.asarray(labels)
    if np.ndim(features) != 2 or labels.shape != np.shape(features)[:1] or not np.all((labels == 0) | (labels == 1)):
        raise ValueError(f"features [N, dim] and labels [N] of 0 and 1, got {np.shape(features)} and {labels.shape}")
    signed = np.asarray(features, float) * (2.0 * labels[:, None] - 1.0)
    dim = signed.shape[1]
    constant = dim * (np.log(prior_sd) + 0.5 * LOG_2PI)

    def energy(x):
        # A reference must not lose digits to the accelerators' default matrix precision.
        margins = jnp.matmul(x, signed.T.astype(x.dtype), precision=jax.lax.Precision.HIGHEST)
        return jnp.sum(jax.nn.softplus(-margins), axis=1) + jnp.sum(x**2, axis=1) / (2.0 * prior_sd**2) + constant

    return Target("logistic_regression", dim, energy, None, float("nan"))


def breast_cancer() -> Target:
    """`logistic_regression` on the 569 tumours and 30 features of the Wisconsin breast cancer data, standardised, with
    an intercept: x[0]. dim = 31; the features are correlated up to .998.

    Reference: Street, Wolberg & Mangasarian 1993 (UCI), as in scikit-learn.
    """
    from sklearn.datasets import load_breast_cancer  # lazy: it takes a second, and nothing else here needs it

    features, labels = load_breast_cancer(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    return logistic_regression(np.insert(features, 0, 1.0, axis=1), labels)._replace(name="breast_cancer")


EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def schools_log_evidence(log_tau: np.ndarray) -> np.ndarray:
    """log p(effects | τ), with θ and μ integrated out, at `[N]` values of log τ."""
    variance = np.exp(2.0 * log_tau)[..., None] + ERRORS**2
    precision = 1.0 / 25.0 + np.sum(1.0 / variance, axis=-1)
    mean = np.sum(EFFECTS / variance, axis=-1) / precision
    square = np.sum(EFFECTS**2 / variance + np.log(variance), axis=-1) + 8 * LOG_2PI
    return -0.5 * (square - mean**2 * precision + np.log(25.0 * precision))


def eight_schools(centred: bool = False) -> Target:
    """The eight schools: effect_j ~ N(θ_j, error_j²), θ_j ~ N(μ, τ²), μ ~ N(0, 5²), τ ~ half-Cauchy(0, 5).

    x = (μ, log τ, then θ, or with centred=False the (θ - μ) / τ, which are easy to sample): dim 10. Given τ all is
    Gaussian, so draws are exact, up to the table of the density of log τ, and log Z is the log evidence by quadrature.
    In the centred form the width of θ is that of a funnel's neck, e^(log τ).

    Reference: Rubin 1981; Gelman et al. 2013 (Bayesian Data Analysis, section 5.5); priors as in posteriordb
    (eight_schools_centered, eight_schools_noncentered).
    """

    def log_density(log_tau):  # in float64
        log_ratio = log_tau - np.log(5.0)
        prior = log_ratio - np.logaddexp(0.0, 2.0 * log_ratio) - np.log(np.pi / 2.0)
        return schools_log_evidence(log_tau) + prior

    sample_log_tau, log_z = inverse_cdf(log_density, -40.0, 12.0)
    constant = 8 * LOG_2PI + np.sum(np.log(ERRORS)) + 0.5 * LOG_2PI + np.log(5.0)

    def energy(x):
        mu, log_tau, rest = x[:, :1], x[:, 1:2], x[:, 2:]
        if centred:
            held = jnp.maximum(log_tau, -MAX_LOG_SCALE)
            theta, prior = rest, 0.5 * ((rest - mu) * jnp.exp(-held)) ** 2 + held
        else:
            theta, prior = mu + jnp.exp(jnp.minimum(log_tau, MAX_LOG_SCALE)) * rest, 0.5 * rest**2
        misfit = 0.5 * ((theta - EFFECTS.astype(x.dtype)) / ERRORS.astype(x.dtype)) ** 2
        return jnp.sum(prior + misfit, axis=1) + mu[:, 0] ** 2 / 50.0 + half_cauchy(log_tau[:, 0], 5.0) + constant

    def sample(rng_key, num):
        tau_key, mu_key, theta_key = jax.random.split(rng_key, 3)
        log_tau = sample_log_tau(tau_key, (num, 1))
        tau2, variance = jnp.exp(2.0 * log_tau), jnp.asarray(ERRORS**2, log_tau.dtype)
        precision = 1.0 / 25.0 + jnp.sum(1.0 / (tau2 + variance), axis=1, keepdims=True)
        mean = jnp.sum(EFFECTS / (tau2 + variance), axis=1, keepdims=True) / precision
        mu = mean + jax.random.normal(mu_key, (num, 1)) / jnp.sqrt(precision)
        # Of (θ - μ) / τ: precision 1 + τ² / error², which is 1 where τ is small.
        inner = 1.0 + tau2 / variance
        noise = jax.random.normal(theta_key, (num, 8)) / jnp.sqrt(inner)
        standard = jnp.exp(log_tau) * (EFFECTS - mu) / variance / inner + noise
        rest = mu + jnp.exp(log_tau) * standard if centred else standard
        return jnp.concatenate([mu, log_tau, rest], axis=1)

    return Target("eight_schools" + ("_centred" if centred else ""), 10, energy, sample, log_z)


def simulated_returns(num: int = 100) -> np.ndarray:
    """y_t ~ N(0, e^(h_t)), h of mean -1, φ = .95 and σ = .25, always the same: `[num]`."""
    random = np.random.RandomState(0)  # the generator NumPy promises not to change
    noise, h = random.standard_normal((2, num)), np.zeros(num)
    h[0] = 0.25 / np.sqrt(1.0 - 0.95**2) * noise[0, 0]
    for t in range(1, num):
        h[t] = 0.95 * h[t - 1] + 0.25 * noise[0, t]
    return np.exp(0.5 * (h - 1.0)) * noise[1]


def stochastic_volatility(returns: ArrayLike | None = None) -> Target:
    """y_t ~ N(0, e^(h_t)), h_1 ~ N(μ, σ² / (1 - φ²)), h_t ~ N(μ + φ (h_{t-1} - μ), σ²), with μ ~ Cauchy(0, 10),
    φ ~ U(-1, 1), σ ~ half-Cauchy(0, 5). No exact draws, and log Z is not known.

    returns: y, `[T]`; by default `simulated_returns`. x = (μ, artanh φ, log σ, h_1 .. h_T): dim T + 3.

    Reference: Kim, Shephard & Chib 1998; priors as in the Stan User's Guide, "Stochastic volatility models".
    """
    y = simulated_returns() if returns is None else np.asarray(returns, float)
    constant = y.size * LOG_2PI + np.log(10.0 * np.pi) + np.log(2.0)

    def energy(x):
        mu, a, log_sigma, h = x[:, :1], x[:, 1:2], x[:, 2:3], x[:, 3:]
        log_rest = 2.0 * (np.log(2.0) - jnp.abs(a) - jax.nn.softplus(-2.0 * jnp.abs(a)))  # log(1 - φ²)
        held = jnp.maximum(log_sigma, -MAX_LOG_SCALE)
        from_mean = h - mu
        first = from_mean[:, :1] * jnp.exp(0.5 * log_rest)
        steps = jnp.concatenate([first, from_mean[:, 1:] - jnp.tanh(a) * from_mean[:, :-1]], axis=1)
        states = 0.5 * (steps * jnp.exp(-held)) ** 2 + held
        observed = 0.5 * h + 0.5 * (y**2).astype(x.dtype) * jnp.exp(jnp.minimum(-h, MAX_EXPONENT))
        prior = jnp.log1p((mu / 10.0) ** 2) - 1.5 * log_rest + half_cauchy(log_sigma, 5.0)
        return jnp.sum(states + observed, axis=1) + prior[:, 0] + constant

    return Target("stochastic_volatility", y.size + 3, energy, None, float("nan"))
