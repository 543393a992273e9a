"""The divergence triangle between Gaussians, whose expectations Gauss-Hermite quadrature takes exactly."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.objectives import diagonal_entropy, diagonal_log_prob, kl_to_normal, squared_error, triangle

SIGMA = 0.5
# Equally weighted nodes with the moments of N(0, 1)² up to degree 3: enough for means of quadratics.
NODES = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)], np.float32)


@partial(jax.jit, static_argnames="joint")
def objective(params, data_variance, *, joint=False):
    """D of x ~ N(0, v), q = N(a x, s²), p(x | z) = N(w z, σ²), and E(x) = θ x² / 2 or E(x, z) of a quadratic form."""
    a, log_variance, w, theta = params
    u, e = jnp.asarray(NODES[:, :1]), jnp.asarray(NODES[:, 1:])
    x = jnp.sqrt(data_variance) * u
    mean, spread = a * x, jnp.full_like(x, log_variance)
    z_q = mean + jnp.exp(0.5 * log_variance) * e
    z_p, x_p = u, w * u + SIGMA * e
    nll = squared_error(x, w * z_q) / (2 * SIGMA**2)
    if joint:
        both = lambda x, z: jnp.concatenate([x, z], axis=1)
        energy = lambda x, z: 0.5 * jnp.sum(both(x, z) @ theta * both(x, z), axis=1)
        last = diagonal_entropy(spread)
    else:
        energy = lambda x, z: 0.5 * theta * jnp.sum(x**2, 1)
        last = -diagonal_log_prob(z_p, a * x_p, jnp.full_like(x_p, log_variance))
    return triangle(nll, kl_to_normal(mean, spread), energy(x, z_q), energy(x_p, z_p), last)


def equal_joints(w):
    """(a, log s², w, θ) and the data's variance for which all three joints are the same."""
    variance = w**2 + SIGMA**2
    return [w / variance, np.log(SIGMA**2 / variance), w, 1 / variance], variance


def kl(p, q):
    """KL between Gaussians of mean 0 with those covariance matrices."""
    return 0.5 * (np.trace(np.linalg.solve(q, p)) - len(p) + np.log(np.linalg.det(q) / np.linalg.det(p)))


def covariances(params, data_variance):
    """Of (x, z) under Q, P and Π."""
    a, log_variance, w, theta = map(float, params)
    encoded = lambda v: np.array([[v, a * v], [a * v, a**2 * v + np.exp(log_variance)]])
    return encoded(data_variance), np.array([[w**2 + SIGMA**2, w], [w, 1.0]]), encoded(1 / theta)


gradient = jax.jit(jax.grad(objective), static_argnames="joint")


def test_value_is_that_of_the_three_divergences():
    """Differences of D, in which its constants fall out, are those of KL(Q||P) + KL(P||Π) - KL(Q||Π)."""
    exact, found = [], []
    for params in ([0.8, -1.0, 1.2, 0.7], [0.3, 0.2, 0.5, 1.4], [-0.4, -2.0, 1.5, 0.6]):
        q, p, pi = covariances(params, 1.3)
        exact.append(kl(q, p) + kl(p, pi) - kl(q, pi))
        found.append(objective(list(map(jnp.float32, params)), 1.3))
    np.testing.assert_allclose(np.diff(found), np.diff(exact), rtol=1e-5)


CONSTANTS = 1 + 0.5 * np.log(2 * np.pi)
"""The objective where Q = P = Π, in nats: ½ is the error's, ½ + log(2π) / 2 the entropy's; its log s² / 2 falls out."""


def test_equal_joints_are_a_fixed_point():
    """Q = P = Π: D is 0 and all gradients vanish."""
    params, variance = equal_joints(1.2)
    assert float(objective(list(map(jnp.float32, params)), variance)) == pytest.approx(CONSTANTS, rel=1e-5)
    grads = gradient(list(map(jnp.float32, params)), variance)
    np.testing.assert_allclose(grads, 0, atol=2e-5)
    q, p, pi = covariances(params, variance)
    assert abs(kl(q, p) + kl(p, pi) - kl(q, pi)) < 1e-12
    assert abs(gradient([jnp.float32(1.1 * params[0]), *map(jnp.float32, params[1:])], variance)[0]) > 0.1


def test_equal_joints_of_an_energy_of_both():
    """The same for E(x, z), here the quadratic form of P's own precision matrix."""
    params, variance = equal_joints(1.2)
    precision = np.linalg.inv(covariances(params, variance)[1])
    params = [*map(jnp.float32, params[:3]), jnp.asarray(precision, jnp.float32)]
    assert float(objective(params, variance, joint=True)) == pytest.approx(CONSTANTS, rel=1e-5)
    for grad in gradient(params, variance, joint=True):
        np.testing.assert_allclose(grad, 0, atol=3e-5)


def test_the_energy_ascends_by_the_contrastive_gradient():
    """dD/dθ = (E_P x² - E_data x²) / 2, which is 0 for no θ unless the variances agree; φ does not enter."""
    params = list(map(jnp.float32, [0.3, -0.5, 0.9, 1.4]))
    slope = lambda p: gradient(p, 1.3)[3]
    np.testing.assert_allclose(slope(params), 0.5 * (0.9**2 + SIGMA**2 - 1.3), rtol=1e-5)
    assert slope(params) == slope([jnp.float32(-0.7), jnp.float32(0.4), *params[2:]])


def test_exchanging_data_and_samples_turns_the_energys_gradient_round():
    """Whatever the energy: nothing else in D has its parameters."""
    zeros, x = jnp.zeros(3), jnp.array([[-1.0, 0.3, 2.0], [0.5, 1.5, -0.7]])
    energy = lambda theta, x: theta[0] * jnp.sin(x) + theta[1] * x**2
    of = lambda theta, q, p: triangle(zeros, zeros, energy(theta, q), energy(theta, p), zeros)
    slope = jax.jit(jax.grad(of))
    there, back = (slope(jnp.array([0.4, -1.1]), *pair) for pair in (x, x[::-1]))
    np.testing.assert_allclose(there, -back, rtol=1e-6)
    assert np.abs(there).min() > 0.1


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_the_encoder_entropies_cancel(weight):
    """At λ = 1 nothing of log s² is left but -log p(z), s² / 2, and nll; at λ = 2 one KL's entropy, -log(s²) / 2."""
    zero = jnp.zeros((1, 1))

    def terms(log_variance):
        spread = jnp.full((1, 1), log_variance)
        return triangle(zero[0], kl_to_normal(zero, spread), zero[0], zero[0], diagonal_entropy(spread), weight=weight)

    slope = jax.jit(jax.grad(terms))
    for log_variance in (-1.0, 0.3):
        expected = weight * 0.5 * np.exp(log_variance) - (weight - 1) * 0.5
        assert float(slope(log_variance)) == pytest.approx(expected, abs=1e-6)


def test_closed_forms_of_diagonal_gaussians():
    mean, log_variance = jnp.array([[1.0, -2.0]]), jnp.log(jnp.array([[0.25, 4.0]]))
    assert kl_to_normal(jnp.zeros((1, 3)), jnp.zeros((1, 3)))[0] == 0
    assert kl_to_normal(mean, log_variance)[0] == pytest.approx(0.5 * (5 + 4.25 - 2 - np.log(1.0)))
    at_mean = diagonal_log_prob(mean, mean, log_variance)
    assert at_mean[0] == pytest.approx(-np.log(2 * np.pi) - 0.5 * np.log(1.0))
    # One standard deviation away in each dimension, on average over which the density's log is minus the entropy.
    away = diagonal_log_prob(mean + jnp.exp(0.5 * log_variance), mean, log_variance)
    assert diagonal_entropy(log_variance)[0] == pytest.approx(float(-away[0]))


def test_the_weight_is_of_the_whole_divergence_of_q_from_p():
    """λ multiplies the reconstruction and the KL, and neither the energies nor the entropy; by hand."""
    terms = [jnp.float32([1.0, 3.0]), jnp.float32([0.5, 1.5]), jnp.float32([2.0, 4.0]), jnp.float32([7.0]), 0.25]
    for weight in (0.0, 1.0, 3.0):
        np.testing.assert_allclose(
            triangle(*terms, weight=weight), weight * (2.0 + 1.0) + (7.0 - 3.0) + 0.25, rtol=1e-6
        )
