"""The learning gradient of an energy against the exact log-likelihood by quadrature, and the penalties."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.objectives import contrastive, gradient_penalty

GRID = np.linspace(-6, 6, 20_001)
DATA = np.array([-1.1, 0.3, 0.4, 1.7])


def energy(theta, x):
    """θ_0 x + θ_1 x² + θ_2 x⁴, normalisable where θ_2 > 0."""
    return theta[0] * x + theta[1] * x**2 + theta[2] * x**4


def log_likelihood(theta):
    """mean log p(x) of DATA, with log Z by the trapezoidal rule."""
    log_z = np.log(np.trapezoid(np.exp(-energy(theta, GRID)), GRID))
    return np.mean(-energy(theta, DATA) - log_z)


def exact_samples(theta, num):
    """Quantiles of p at (i + ½) / num: averages over them are quadrature, not Monte Carlo."""
    cdf = np.cumsum(np.exp(-energy(theta, GRID)))
    return np.interp((np.arange(num) + 0.5) / num, cdf / cdf[-1], GRID)


def test_the_gradient_is_that_of_the_negative_log_likelihood():
    """Sign and value: ∇ loss = -∇ log p by finite differences of the exact log-likelihood."""
    theta = np.array([0.3, -0.8, 0.4])
    steps = 1e-4 * np.eye(3)
    exact = np.array([(log_likelihood(theta + h) - log_likelihood(theta - h)) / 2e-4 for h in steps])
    with jax.enable_x64(True):
        samples = jnp.asarray(exact_samples(theta, 100_000))
        loss = lambda t: contrastive(energy(t, jnp.asarray(DATA)), energy(t, samples))
        found = jax.grad(loss)(jnp.asarray(theta))
    np.testing.assert_allclose(found, -exact, rtol=2e-3, atol=2e-3)
    assert np.abs(exact).min() > 0.02  # none is near enough to 0 to pass with the wrong sign


def test_a_constant_changes_neither_value_nor_gradient():
    x_pos, x_neg = jnp.asarray(DATA), jnp.array([0.5, -0.2, 2.0])
    loss = lambda theta, c: contrastive(energy(theta, x_pos) + c, energy(theta, x_neg) + c)
    theta = jnp.array([0.3, -0.8, 0.4])
    for c in (0.0, 3.0):
        value, grad = jax.value_and_grad(loss)(theta, c)
        np.testing.assert_allclose(value, loss(theta, 0.0), atol=1e-5)
        np.testing.assert_allclose(grad, jax.grad(loss)(theta, 0.0), atol=1e-5)
    assert jax.grad(loss, argnums=1)(theta, 1.0) == 0


def test_scaling_the_energy_scales_the_gap():
    """Learning U = 2 F / ε² at rate η ε² / 2 is learning F at rate η: the update does not depend on ε."""
    x_pos, x_neg = jnp.asarray(DATA), jnp.array([0.5, -0.2, 2.0])
    theta = jnp.array([0.3, -0.8, 0.4])
    grad = lambda scale: jax.grad(lambda t: contrastive(scale * energy(t, x_pos), scale * energy(t, x_neg)))(theta)
    for eps in (0.01, 0.125):
        np.testing.assert_allclose(grad(2 / eps**2) * eps**2 / 2, grad(1.0), rtol=1e-5)


def test_energy_l2():
    energy_pos, energy_neg = jnp.array([1.0, 3.0]), jnp.array([-2.0])
    assert contrastive(energy_pos, energy_neg) == 4
    np.testing.assert_allclose(contrastive(energy_pos, energy_neg, energy_l2=0.1), 4 + 0.1 * (5 + 4))


def test_gradient_penalty_of_a_linear_energy():
    """E = a · x: ||a||² / 2, wherever x is; of a pytree the norms add up."""
    a = jnp.array([1.0, -2.0, 0.5])
    x = jax.random.normal(jax.random.key(0), (7, 3))
    np.testing.assert_allclose(gradient_penalty(lambda x: x @ a, x), 5.25 / 2, rtol=1e-6)
    tree = {"u": x, "v": x[:, :1]}
    np.testing.assert_allclose(gradient_penalty(lambda t: t["u"] @ a + 3 * t["v"][:, 0], tree), 14.25 / 2, rtol=1e-6)
