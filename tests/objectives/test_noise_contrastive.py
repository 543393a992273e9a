"""Noise-contrastive estimation: chance level, and the normaliser of a Gaussian energy."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.objectives import noise_contrastive, noise_contrastive_logit


def log_normal(x, scale):
    return -0.5 * (x / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


def test_model_equal_to_the_noise_is_chance():
    """r = 0 everywhere: loss 2 log 2, accuracy ½."""
    x = jnp.linspace(-2, 2, 9)
    logit = noise_contrastive_logit(0.5 * x**2, 0.5 * np.log(2 * np.pi), log_normal(x, 1.0))
    np.testing.assert_allclose(logit, 0, atol=1e-6)
    loss, accuracy = noise_contrastive(jnp.zeros(5), jnp.zeros(3))
    np.testing.assert_allclose(loss, 2 * np.log(2), rtol=1e-6)
    assert accuracy == 0.5


def test_by_hand_and_far_out():
    loss, accuracy = noise_contrastive(jnp.array([2.0, -1.0]), jnp.array([-3.0]))
    expected = np.mean(np.log1p(np.exp([-2.0, 1.0]))) + np.log1p(np.exp(-3.0))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(accuracy, 0.75)
    loss, accuracy = noise_contrastive(jnp.array([1e4]), jnp.array([-1e4]))
    assert loss == 0 and accuracy == 1
    assert noise_contrastive(jnp.array([-1e4]), jnp.array([1e4]))[0] == 2e4  # no overflow


def test_recovers_precision_and_log_normaliser():
    """Data N(0, 1), noise N(0, 1.5²), E = b x² / 2: b -> 1 and c -> log Z = ½ log(2π / b)."""
    num = 50_000
    x = jax.random.normal(jax.random.key(0), (num,))
    y = 1.5 * jax.random.normal(jax.random.key(1), (num,))

    def loss(params):
        b, c = params
        logits = [noise_contrastive_logit(0.5 * b * a**2, c, log_normal(a, 1.5)) for a in (x, y)]
        return noise_contrastive(*logits)[0]

    newton = jax.jit(lambda p: p - jnp.linalg.solve(jax.hessian(loss)(p), jax.grad(loss)(p)))
    params = jnp.array([0.5, 0.5])
    for _ in range(15):
        params = newton(params)
    # Standard errors at 50,000 + 50,000 draws: about .02 in b, .01 in c.
    np.testing.assert_allclose(params, [1.0, 0.5 * np.log(2 * np.pi)], atol=0.06)
    np.testing.assert_allclose(jax.grad(loss)(params), 0, atol=1e-5)
    assert loss(params) < 2 * np.log(2)
