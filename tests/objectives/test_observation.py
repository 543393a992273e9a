"""Observation models p(x | z) by hand: values, gradients, and what a mask leaves out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.objectives.observation import BagObservation, GaussianObservation, is_word
from ebmjax.types import BOS, EOS, PAD, UNK

SIGMA = 0.5
GAUSSIAN = GaussianObservation(lambda w, z: z * w, SIGMA)  # g(z) = (w_1 z, w_2 z, w_3 z)
W, Z = jnp.array([1.0, -2.0, 3.0]), jnp.array([[0.5], [-1.0]])
X = jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
ERRORS = (np.asarray(X) - np.asarray(Z) * np.asarray(W)) ** 2  # [[.25, 1, .25], [1, 1, 4]]


def test_a_gaussian_by_hand():
    np.testing.assert_allclose(ERRORS, [[0.25, 1.0, 0.25], [1.0, 1.0, 4.0]])
    totals = ERRORS.sum(1)
    np.testing.assert_allclose(GAUSSIAN.energy(W, X)(Z), totals / (2 * SIGMA**2), rtol=1e-6)
    exact = -totals / (2 * SIGMA**2) - 1.5 * np.log(2 * np.pi * SIGMA**2)
    np.testing.assert_allclose(GAUSSIAN.log_prob(W, X, Z), exact, rtol=1e-6)
    loss, reported = GAUSSIAN.loss(W, X, Z)
    assert (float(loss), float(reported)) == pytest.approx((totals.mean(), totals.mean() / 3), rel=1e-6)
    np.testing.assert_allclose(GAUSSIAN.error(W, X, Z), totals / 3, rtol=1e-6)
    np.testing.assert_array_equal(GAUSSIAN.draw(W, jax.random.key(0), Z), Z * W)  # the mean, without noise


def test_a_mask_leaves_entries_out_of_a_gaussian():
    """Also out of its gradient in z, Σ -w (x - w z) / σ² over what is seen; whatever stands there, even NaN."""
    mask = jnp.array([[True, False, True], [False, False, True]])
    broken = jnp.where(mask, X, jnp.nan)
    seen = np.asarray(mask)
    slope = (-np.asarray(W) * (np.asarray(X) - np.asarray(Z * W)) * seen).sum(1) / SIGMA**2
    for x in (X, broken, jnp.where(mask, X, 7.0)):
        energy = GAUSSIAN.energy(W, x, mask)
        np.testing.assert_allclose(energy(Z), (ERRORS * seen).sum(1) / (2 * SIGMA**2), rtol=1e-6)
        np.testing.assert_allclose(jax.grad(lambda z: jnp.sum(energy(z)))(Z)[:, 0], slope, rtol=1e-6)
        loss, reported = GAUSSIAN.loss(W, x, Z, None, mask)
        total = (ERRORS * seen).sum()
        assert (float(loss), float(reported)) == pytest.approx((total / 2, total / 3), rel=1e-6)  # 2 rows, 3 seen
        in_w = (-2 * np.asarray(Z) * (np.asarray(X) - np.asarray(Z * W)) * seen).mean(0)
        np.testing.assert_allclose(jax.grad(lambda w: GAUSSIAN.loss(w, x, Z, None, mask)[0])(W), in_w, rtol=1e-6)
    whole = GAUSSIAN.energy(W, X, jnp.ones_like(mask))(Z)
    np.testing.assert_allclose(whole, GAUSSIAN.energy(W, X)(Z), rtol=1e-6)


def test_a_mask_leaves_words_out_of_a_bag():
    """Logits (z, 0, 0) of the words 1, 4 and 5: words count as often as they stand there, filling and ends never."""
    logits = lambda params, z: jnp.concatenate([z * 0 + 9, z, z * 0 + 9, z * 0 + 9, z * 0, z * 0], axis=1)
    bag = BagObservation(logits, 4)
    np.testing.assert_array_equal(is_word(jnp.array([PAD, UNK, BOS, EOS, 4])), [False, True, False, False, True])
    x = jnp.array([[UNK, 4, 4, EOS], [5, EOS, PAD, PAD]])
    total = np.log(np.exp(np.asarray(Z)[:, 0]) + 2)
    each = np.array([0.5 - 3 * total[0], -total[1]])
    np.testing.assert_allclose(bag.log_prob({}, x, Z), each, rtol=1e-6)
    np.testing.assert_allclose(bag.error({}, x, Z), -each, rtol=1e-6)
    np.testing.assert_allclose(bag.loss({}, x, Z), 2 * [-each.mean()], rtol=1e-6)
    np.testing.assert_allclose(bag.energy({}, x)(Z), -each, rtol=1e-6)
    mask = jnp.array([[True, False, True, True], [False, True, True, True]])
    np.testing.assert_allclose(bag.energy({}, x, mask)(Z), [2 * total[0] - 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(bag.loss({}, x, Z, None, mask), 2 * [total[0] - 0.25], rtol=1e-6)
