"""Attacks against a linear classifier, where the best change is known, and logits refined by chains."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation.attacks import Attack, pgd
from ebmjax.evaluation.refinement import refined_logits
from ebmjax.mcmc import Chain, langevin

KEY = jax.random.key(0)
W = jnp.array([1.0, -2.0, 0.5])
X = jax.random.normal(jax.random.key(1), (20, 3))
LABELS = jnp.arange(20) % 2


def linear(rng_key, x):
    """Logits ±wᵀx / 2."""
    return 0.5 * jnp.stack([-(x @ W), x @ W], axis=1)


@pytest.mark.parametrize(("norm", "length"), [("linf", jnp.sum(jnp.abs(W))), ("l2", jnp.linalg.norm(W))])
def test_a_linear_classifier(norm, length):
    """The worst change moves wᵀx by ε times the dual norm of w, against the label.

    In L∞ every step counts. On the sphere the angle to the best direction shrinks by e^2.5 in its tangent's half: from
    90° to 9°, whose cosine is .987.
    """
    attack = Attack(norm, num_steps=20, bounds=None)
    found = jax.jit(partial(pgd, linear, attack=attack))(KEY, X, LABELS, 0.3)
    gains = (1 - 2 * LABELS) * ((found - X) @ W) / (0.3 * length)
    assert jnp.max(gains) < 1 + 1e-4
    assert jnp.median(gains) > 0.98 and jnp.min(gains) > (0.999 if norm == "linf" else 0.5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_stays_in_the_ball_and_in_the_bounds(norm):
    x = jnp.clip(X, -1, 1)
    attacked = jax.jit(partial(pgd, linear, attack=Attack(norm, num_steps=3)))
    found = attacked(KEY, x, LABELS, 0.3)
    size = jnp.max(jnp.abs(found - x), axis=1) if norm == "linf" else jnp.linalg.norm(found - x, axis=1)
    assert jnp.all(size <= 0.3 + 1e-6) and jnp.all(jnp.abs(found) <= 1)
    assert np.array_equal(attacked(KEY, x, LABELS, 0.0), x)


def quadratic(x):
    """Logits of an equal mixture of N(±1, I) in the first coordinate: log p(x, y) up to a constant."""
    return -0.5 * jnp.stack([(x[:, 0] - 1) ** 2, (x[:, 0] + 1) ** 2], axis=1)


def test_refined_logits_are_those_at_the_ends_of_the_chains():
    """One descent of rate .1 from each of many noisy starts; the gradient passes the chain as a shift."""
    chain = Chain(partial(langevin, step_size=np.sqrt(0.2), noise_scale=0), 1)
    x = jnp.array([[0.5], [3.0]])

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def of_first(x):
        logits = refined_logits(KEY, quadratic, chain, x, num_chains=3, noise=0.0)
        return jnp.sum(logits[:, 0]), logits

    grad, logits = of_first(x)
    # E = (x - 1)² / 2 - log(1 + e^-2x) up to a constant: dE/dx = x - tanh(x).
    end = x - 0.1 * (x - jnp.tanh(x))
    np.testing.assert_allclose(logits, quadratic(end), rtol=1e-5)
    np.testing.assert_allclose(grad, 1 - end, rtol=1e-5)


def test_refined_logits_average_over_chains():
    """No steps, noise of .5: the mean of -(x - 1 + n)² / 2 is lower by .5² / 2; 4,000 chains know it to .01."""
    chain = Chain(partial(langevin, step_size=0.1), 0)
    refined = jax.jit(partial(refined_logits, KEY, quadratic, chain, num_chains=4000, noise=0.5))
    found = refined(jnp.array([[1.0], [-1.0]]))
    np.testing.assert_allclose(jnp.diagonal(found), -0.125, atol=0.02)
