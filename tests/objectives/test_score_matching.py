"""Score matching on Gaussians, where the optimum and the value there are known."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.objectives import denoising_score_matching, sliced_score_matching

S, SIGMA = 1.5, 0.8


def quadratic(precision):
    return lambda x: 0.5 * precision * jnp.sum(x**2, axis=1)


def test_denoising_recovers_the_smoothed_density():
    """Data N(0, s²): least at precision 1 / (s² + σ²), and there s² / (2 σ² (s² + σ²)) a dimension."""
    num, dim = 50_000, 2
    x = S * jax.random.normal(jax.random.key(0), (num, dim))
    noise = jax.random.normal(jax.random.key(1), (num, dim))
    loss = lambda b: denoising_score_matching(quadratic(b), x, noise, SIGMA)
    best = 1 / (S**2 + SIGMA**2)
    # The loss is a quadratic in b: its minimum from values at three points.
    low, middle, high = (float(loss(b)) for b in (0.0, best, 2 * best))
    at = best + best * (low - high) / (2 * (low - 2 * middle + high))
    np.testing.assert_allclose(at, best, rtol=0.02)  # sd of the regression slope: about 1 / √100,000
    exact = dim * S**2 / (2 * SIGMA**2 * (S**2 + SIGMA**2))
    np.testing.assert_allclose(middle, exact, rtol=0.02)  # sd of a mean of 100,000 squared normals: 0.5 %
    assert low > middle < high


def test_denoising_by_hand():
    """One row: x̃ = x + σ ε, loss ½ |ε / σ - b x̃|²."""
    x, noise = jnp.array([[1.0, -2.0]]), jnp.array([[0.5, 1.0]])
    residual = np.array([0.5, 1.0]) / SIGMA - 0.3 * (np.array([1.0, -2.0]) + SIGMA * np.array([0.5, 1.0]))
    found = denoising_score_matching(quadratic(0.3), x, noise, SIGMA)
    np.testing.assert_allclose(found, 0.5 * np.sum(residual**2), rtol=1e-6)


def test_sliced_estimates_the_trace():
    """Averaged over all sign vectors v, vᵀ H v is tr H exactly: the objective is Hyvärinen's."""
    hessian = jnp.array([[2.0, 0.7], [0.7, 1.0]])
    energy = lambda x: 0.5 * jnp.einsum("bi,ij,bj->b", x, hessian, x) + jnp.sum(x**4, axis=1)
    x = jnp.array([[0.3, -1.2]])
    signs = [jnp.array([v]) for v in itertools.product((-1.0, 1.0), repeat=2)]
    found = np.mean([sliced_score_matching(energy, x, v) for v in signs])
    trace = 3.0 + 12 * np.sum(np.square(x))
    grad = hessian @ x[0] + 4 * x[0] ** 3
    np.testing.assert_allclose(found, 0.5 * np.sum(np.square(grad)) - trace, rtol=1e-5)


def test_sliced_recovers_the_precision():
    """E = b |x|² / 2: the loss is d (b² m / 2 - b) with m = mean x², least at b = 1 / m, for signs exactly."""
    x = S * jax.random.normal(jax.random.key(0), (500, 3))
    v = jax.random.rademacher(jax.random.key(1), x.shape, x.dtype)
    loss = lambda b: sliced_score_matching(quadratic(b), x, v)
    best = 1 / jnp.mean(x**2)
    np.testing.assert_allclose(jax.grad(loss)(best), 0, atol=1e-4)
    np.testing.assert_allclose(loss(best), -1.5 * best, rtol=1e-5)
    assert jax.grad(loss)(0.9 * best) < 0 < jax.grad(loss)(1.1 * best)


def test_positions_may_be_pytrees():
    x = jax.random.normal(jax.random.key(0), (6, 3))
    tree = {"u": x[:, :1], "v": x[:, 1:]}
    energy = lambda t: quadratic(0.7)(jnp.concatenate([t["u"], t["v"]], axis=1))
    np.testing.assert_allclose(
        sliced_score_matching(energy, tree, tree), sliced_score_matching(quadratic(0.7), x, x), rtol=1e-5
    )
    np.testing.assert_allclose(
        denoising_score_matching(energy, tree, tree, 0.5),
        denoising_score_matching(quadratic(0.7), x, x, 0.5),
        rtol=1e-5,
    )
