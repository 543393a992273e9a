"""Combinators against closed forms: linear-Gaussian posterior, tilted Gaussians, change of variables, label sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import (
    TARGETS,
    banana,
    bind,
    gaussian,
    gaussian_nll,
    marginal_labels,
    posterior,
    pullback,
    standard_normal,
    temper,
    tilt,
)

RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def test_bind_keeps_parameters_traced():
    energy_fn = lambda params, x: params["scale"] * standard_normal(x)
    x = normal(4, 3)
    np.testing.assert_allclose(bind(energy_fn, {"scale": 2.0})(x), jnp.sum(x**2, 1), rtol=1e-6)
    grad = jax.grad(lambda params: jnp.sum(bind(energy_fn, params)(x)))({"scale": 2.0})
    np.testing.assert_allclose(grad["scale"], 0.5 * jnp.sum(x**2), rtol=1e-6)


def test_standard_normal_sums_over_leaves():
    x = {"top": normal(5, 2), "bottom": [normal(5, 3, 3), normal(5)]}
    flat = np.concatenate([np.asarray(leaf).reshape(5, -1) for leaf in jax.tree.leaves(x)], axis=1)
    np.testing.assert_allclose(standard_normal(x), 0.5 * np.sum(flat**2, 1), rtol=1e-6)
    grad = pytree.value_and_grad_rows(standard_normal, x)[1]
    jax.tree.map(lambda g, leaf: np.testing.assert_allclose(g, leaf, rtol=1e-6), grad, x)


def test_linear_tilt_of_a_gaussian_moves_its_mean():
    """E = -αᵀz on N(0, I) is N(α, I), with log Z = ||α||² / 2."""
    z, alpha = normal(6, 3), normal(3)
    energy = tilt(standard_normal, lambda z: -z @ alpha)
    np.testing.assert_allclose(energy(z) + 0.5 * jnp.sum(alpha**2), standard_normal(z - alpha), atol=1e-5)


def test_quadratic_tilt_of_a_gaussian():
    """E = -αᵀz + zᵀBz / 2 on N(0, I) is N((I + B)⁻¹ α, (I + B)⁻¹)."""
    z, alpha, factor = normal(6, 3), normal(3), normal(3, 3)
    b = factor @ factor.T
    energy = tilt(standard_normal, lambda z: -z @ alpha + 0.5 * jnp.sum(z @ b * z, axis=1))
    precision = np.eye(3) + np.asarray(b)
    moved = z - np.linalg.solve(precision, alpha)
    found, gradient = pytree.value_and_grad_rows(energy, z)
    np.testing.assert_allclose(gradient, moved @ precision, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        found - found[0], (lambda u: u - u[0])(0.5 * np.sum(moved @ precision * moved, 1)), atol=1e-3
    )


def linear_gaussian():
    """x = W z + b + σ e, z ~ N(0, I): Λ = I + WᵀW / σ², μ = Λ⁻¹ Wᵀ (x - b) / σ²."""
    weight, bias, sigma = RNG.normal(size=(4, 3)), RNG.normal(size=4), 0.7
    x, z = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3))
    precision = np.eye(3) + weight.T @ weight / sigma**2
    mean = np.linalg.solve(precision, weight.T @ (x - bias).T / sigma**2).T
    covariance = weight @ weight.T + sigma**2 * np.eye(4)
    quadratic = np.einsum("bi,ij,bj->b", x - bias, np.linalg.inv(covariance), x - bias)
    log_evidence = -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])
    arrays = [jnp.asarray(a, jnp.float32) for a in (weight, bias, x, z)]
    return arrays, sigma, precision, mean, log_evidence


def test_posterior_of_a_linear_gaussian():
    (weight, bias, x, z), sigma, precision, mean, log_evidence = linear_gaussian()
    decode = lambda z: z @ weight.T + bias
    energy, grad = pytree.value_and_grad_rows(posterior(standard_normal, gaussian_nll(decode, x, sigma)), z)
    np.testing.assert_allclose(grad, (z - mean) @ precision, atol=1e-4)
    # With normalisers the energy at z is -log p(x, z) = -log p(x) - log p(z | x).
    full = posterior(standard_normal, gaussian_nll(decode, x, sigma, normalised=True))(z) + 1.5 * np.log(2 * np.pi)
    quadratic = np.einsum("bi,ij,bj->b", z - mean, precision, z - mean)
    log_posterior = -0.5 * (quadratic - np.linalg.slogdet(precision / (2 * np.pi))[1])
    np.testing.assert_allclose(full, -log_evidence - log_posterior, rtol=1e-5)
    np.testing.assert_allclose(full - energy, full[0] - energy[0], atol=1e-4)  # the normaliser is one constant


def test_gaussian_nll_sums_over_pixels_and_layers():
    x, z = normal(2, 4, 4, 3), {"top": normal(2, 3), "bottom": normal(2, 4, 4, 1)}
    decode = lambda z: z["bottom"] + z["top"][:, None, None, :]
    expected = np.sum((np.asarray(x) - np.asarray(decode(z))) ** 2, axis=(1, 2, 3)) / (2 * 0.3**2)
    np.testing.assert_allclose(gaussian_nll(decode, x, 0.3)(z), expected, rtol=1e-5)
    normaliser = 48 * (np.log(0.3) + 0.5 * np.log(2 * np.pi))
    np.testing.assert_allclose(gaussian_nll(decode, x, 0.3, normalised=True)(z), expected + normaliser, rtol=1e-5)


def test_gaussian_nll_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"shape \(5, 1\), x has \(5, 4\)"):
        gaussian_nll(lambda z: z, normal(5, 4), 1.0)(normal(5, 1))


def test_temper():
    """exp(-x² / (2T)) is N(0, T)."""
    x = normal(5, 2)
    np.testing.assert_allclose(temper(standard_normal, 4.0)(2.0 * x), standard_normal(x), rtol=1e-6)
    grad = jax.grad(lambda t: jnp.sum(temper(standard_normal, t)(x)))(2.0)
    np.testing.assert_allclose(grad, -jnp.sum(x**2) / 8.0, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in TARGETS if TARGETS[n]().transport])
def test_pullback_by_the_exact_map_is_standard_normal(name):
    """E(g(z)) - log|det| = ||z||² / 2 + (d / 2) log 2π - log Z ."""
    target = TARGETS[name]()
    z = normal(64, target.dim)
    constant = 0.5 * target.dim * np.log(2 * np.pi) - target.log_z
    value, grad = pytree.value_and_grad_rows(pullback(target.energy, target.transport), z)
    np.testing.assert_allclose(value, standard_normal(z) + constant, rtol=2e-5, atol=2e-4)
    # The gradients agree too: in the funnel e^v and e^-v meet, a loss of digits rather than of the identity.
    np.testing.assert_allclose(grad, z, atol=1e-3)


def test_pullback_of_any_energy_through_any_map():
    """p(z) = p(g(z)) |det J| with the Jacobian by automatic differentiation."""
    target, other = banana(scale=1.5, curvature=0.4), gaussian([0.3, -0.2], [[1.0, 0.3], [0.3, 0.6]])
    z = normal(8, 2)
    jacobians = jax.vmap(jax.jacfwd(lambda row: target.transport(row[None])[0][0]))(z)
    expected = other.energy(target.transport(z)[0]) - jnp.linalg.slogdet(jacobians)[1]
    np.testing.assert_allclose(pullback(other.energy, target.transport)(z), expected, rtol=1e-5, atol=1e-5)


def test_pullback_wants_one_log_det_a_row():
    with pytest.raises(ValueError, match=r"one number a row, shape \(3,\), got \(3, 3\)"):
        pullback(standard_normal, lambda z: (z, jnp.zeros_like(z)))(normal(3, 3))


def test_marginal_labels():
    logits = lambda x: jnp.stack([x[:, 0], 2.0 * x[:, 1] + 1.0, -x[:, 0]], axis=1)
    x = normal(6, 2)
    expected = -np.log(np.sum(np.exp(np.asarray(logits(x), np.float64)), axis=1))
    np.testing.assert_allclose(marginal_labels(logits)(x), expected, rtol=1e-5, atol=1e-6)
    # K = 1 is the plain energy -logits; a shift c(x) of all logits lowers the energy by c(x).
    np.testing.assert_allclose(marginal_labels(lambda x: x[:, :1])(x), -x[:, 0], rtol=1e-6)
    shifted = marginal_labels(lambda x: logits(x) + 100.0 * x[:, 1:])(x)
    np.testing.assert_allclose(shifted, expected - 100.0 * x[:, 1], rtol=1e-5)
    # The gradient averages over labels: -Σ_y p(y | x) ∇ logits_y.
    grad = pytree.value_and_grad_rows(marginal_labels(logits), x)[1]
    p = jax.nn.softmax(logits(x))
    np.testing.assert_allclose(grad, -jnp.stack([p[:, 0] - p[:, 2], 2.0 * p[:, 1]], axis=1), atol=1e-5)


def test_linear_logits_on_a_gaussian_are_a_mixture():
    """Z = Σ_k exp(c_k + a_k² / 2), here 118.952799."""
    a, c = np.array([-2.0, 0.5, 3.0]), np.array([0.1, -0.3, 0.2])
    energy = tilt(standard_normal, marginal_labels(lambda z: z * a.astype(np.float32) + c.astype(np.float32)))
    grid = np.linspace(-12.0, 13.0, 20001)
    weights = np.exp(-np.asarray(energy(jnp.asarray(grid[:, None], jnp.float32)), np.float64))
    z = np.sum(weights) * (grid[1] - grid[0]) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(z, 118.952799, rtol=1e-5)
