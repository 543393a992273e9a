"""Probabilistic PCA: the fit of known axes, and its entropy's gradient against automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation.ppca import LinearGenerator, fit_ppca


def test_the_fit_keeps_the_covariance_of_the_leading_axes():
    """Variances 9, 4, 1, 1 on rotated axes, exactly: σ² = 1, and W Wᵀ + σ² I is the covariance itself."""
    random = np.random.RandomState(0)
    rotation = np.linalg.qr(random.randn(4, 4))[0]
    white = random.randn(200, 4)
    white = np.linalg.qr(white - white.mean(0))[0] * np.sqrt(199)  # columns of mean 0, variance 1, uncorrelated
    x = (white * np.array([3.0, 2.0, 1.0, 1.0])) @ rotation.T + 5.0
    found = fit_ppca(x, 2)
    np.testing.assert_allclose(found.sigma, 1.0, rtol=1e-4)
    covariance = found.weights @ found.weights.T + found.sigma**2 * np.eye(4)
    np.testing.assert_allclose(covariance, np.cov(x.T), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.offset, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=0) ** 2, [8.0, 3.0], rtol=1e-3)  # largest first


def test_the_entropy_gradient_is_that_of_the_closed_form():
    w = jnp.array([[1.0, 0.3], [-0.5, 0.8], [0.2, 0.1]])

    def entropy(w, sigma):
        return 0.5 * jnp.linalg.slogdet(2 * jnp.pi * jnp.e * (w @ w.T + sigma**2 * jnp.eye(3)))[1]

    expected = jax.grad(entropy, argnums=(0, 1))(w, 0.5)
    generator = LinearGenerator(w, jnp.zeros(3), jnp.float32(0.5))
    for a, b in zip(generator.entropy_gradient(), expected):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    log_q = lambda x: jax.scipy.stats.multivariate_normal.logpdf(x, jnp.zeros(3), w @ w.T + 0.25 * jnp.eye(3))
    x = jnp.array([[0.5, -1.0, 2.0]])
    np.testing.assert_allclose(generator.score(x), -jax.vmap(jax.grad(log_q))(x), rtol=1e-4)


@pytest.mark.parametrize("latent_dim", [0, 3])
def test_too_many_dimensions(latent_dim):
    with pytest.raises(ValueError, match="must be between 1 and 2"):
        fit_ppca(np.random.RandomState(0).randn(10, 3), latent_dim)


def test_data_without_noise():
    x = np.outer(np.arange(10.0), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="lie in 1 dimensions"):
        fit_ppca(x, 1)
