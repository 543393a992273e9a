import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.objectives import kl_to_normal
from ebmjax.objectives.amortised import cyclical_weight, draw_diagonal, masked_kl
from ebmjax.objectives.mutual_information import mutual_information as information

mutual_information = jax.jit(information)

MEAN = jnp.array([[0.1, 2.0, -1.0], [0.0, 0.0, 3.0]])
LOG_VARIANCE = jnp.array([[0.0, -1.0, 0.5], [0.0, -2.0, -1.0]])


def test_range():
    """0 of logits that say nothing, log K of symbols that are sure and balanced, between them elsewhere."""
    assert abs(mutual_information(jnp.ones((6, 4)) * jnp.arange(4.0))) < 1e-6
    sure = 60.0 * jnp.tile(jnp.eye(4), (3, 1))
    assert mutual_information(sure) == pytest.approx(np.log(4), rel=1e-6)
    logits = 3 * jax.random.normal(jax.random.key(0), (50, 4))
    assert 0 < mutual_information(logits) < np.log(4)
    np.testing.assert_allclose(
        mutual_information(logits + jnp.arange(50.0)[:, None]), mutual_information(logits), rtol=1e-4
    )


def test_unequal_symbols_are_worth_the_entropy_of_their_shares():
    sure = 60.0 * jnp.eye(2)[jnp.array([0, 1, 1, 1])]
    assert mutual_information(sure) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)), rel=1e-5)


def test_two_gaussians_against_the_integral():
    """Logits ±2az are those of N(±a, 1) at even odds: MI = log 2 - E log(1 + exp(-2a(a + ε)))."""
    a, num = 0.8, 200_000
    eps = np.linspace(-9, 9, 4001)
    exact = np.log(2) - np.average(np.logaddexp(0, -2 * a * (a + eps)), weights=np.exp(-(eps**2) / 2))
    key, sign_key = jax.random.split(jax.random.key(0))
    z = a * jax.random.rademacher(sign_key, (num,)) + jax.random.normal(key, (num,))
    found = mutual_information(jnp.stack([a * z, -a * z], axis=1))
    assert abs(found - exact) < 5 * 0.25 / np.sqrt(num)  # H(y | z) has a standard deviation of .22


def test_free_nats_have_no_gradient():
    """KL by dimension: .005, 2.18, .57 and 0, .57, 4.18."""
    np.testing.assert_allclose(masked_kl(MEAN, LOG_VARIANCE), kl_to_normal(MEAN, LOG_VARIANCE), rtol=1e-6)
    of_dims = 0.5 * (MEAN**2 + jnp.exp(LOG_VARIANCE) - 1 - LOG_VARIANCE)
    np.testing.assert_allclose(masked_kl(MEAN, LOG_VARIANCE, 1.0), [of_dims[0, 1], of_dims[1, 2]], rtol=1e-6)
    grads = jax.grad(lambda m, v: masked_kl(m, v, 1.0).sum(), argnums=(0, 1))(MEAN, LOG_VARIANCE)
    expected = of_dims > 1
    for grad in grads:
        np.testing.assert_array_equal(grad != 0, expected)


def test_draws_have_their_moments():
    z = draw_diagonal(jax.random.key(0), jnp.full((40_000, 2), 3.0), jnp.full((40_000, 2), np.log(4.0)))
    np.testing.assert_allclose(z.mean(0), 3.0, atol=5 * 2 / 200)
    np.testing.assert_allclose(z.var(0), 4.0, atol=5 * 4 * np.sqrt(2) / 200)


def test_weight_in_cycles():
    """Two cycles of 100 steps: half of each at 0, a quarter rising, a quarter at .5, and so it stays."""
    weight = lambda step: float(cyclical_weight(step, 200, cycles=2, zero=0.5, ramp=0.25, largest=0.5))
    assert [weight(step) for step in (0, 49, 100, 149)] == [0, 0, 0, 0]
    np.testing.assert_allclose([weight(step) for step in (55, 60, 70, 170)], [0.1, 0.2, 0.4, 0.4], rtol=1e-5)
    assert [weight(step) for step in (80, 99, 180, 200, 10**6)] == [0.5] * 5
