"""Gaussian observations and averages of weights by hand."""

import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from ebmjax.objectives import gaussian_log_prob, log_mean_exp, squared_error

X = jnp.array([[[1.0, 2.0], [0.0, -1.0]], [[0.5, 0.0], [3.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]])


def test_sums_over_everything_but_the_first_axis():
    np.testing.assert_allclose(squared_error(X, jnp.ones_like(X)), [0 + 1 + 1 + 4, 0.25 + 1 + 4 + 0, 4])
    exact = norm.logpdf(np.asarray(X), 1.0, 0.3).sum((1, 2))
    np.testing.assert_allclose(gaussian_log_prob(X, jnp.ones_like(X), 0.3), exact, rtol=1e-5)


def test_mean_of_weights_along_an_axis():
    """Of 2 x 3 weights, and far beyond the range of exp."""
    weights = np.array([[1.0, 2.0, 6.0], [3.0, 5.0, 1.0]])
    for axis in (0, 1):
        exact = np.log(weights.mean(axis))
        np.testing.assert_allclose(log_mean_exp(jnp.log(weights), axis), exact, rtol=1e-5)
        np.testing.assert_allclose(log_mean_exp(jnp.log(weights) - 1000, axis), exact - 1000, rtol=1e-6)
    np.testing.assert_allclose(log_mean_exp(jnp.log(weights)), np.log([2.0, 3.5, 3.5]), rtol=1e-5)
