"""Terms of class logits: closed forms, and which examples each of them sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.objectives import LabelWeights, cross_entropy, label_entropy, label_terms


def test_range():
    """Entropy within [0, log C], attained where all classes are equal; c(x) in all logits changes neither term."""
    logits, labels = jax.random.normal(jax.random.key(1), (20, 4)) * 3, jnp.arange(20) % 4
    shift = jnp.arange(20.0)[:, None]
    for term in (label_entropy, lambda logits: cross_entropy(logits, labels)):
        np.testing.assert_allclose(term(logits + shift), term(logits), rtol=1e-4)
    assert 0 < label_entropy(logits) < np.log(4)
    np.testing.assert_allclose(label_entropy(jnp.zeros((5, 4))), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(label_entropy(100 * jnp.eye(4)), 0, atol=1e-6)
    np.testing.assert_allclose(cross_entropy(jnp.zeros((20, 4)), labels), np.log(4), rtol=1e-6)


def test_by_hand():
    """softmax(0, log 3) = (1/4, 3/4)."""
    logits = jnp.array([[0.0, np.log(3.0)], [0.0, 0.0]])
    of_first = np.log(4) - 0.75 * np.log(3)
    assert float(label_entropy(logits)) == pytest.approx((of_first + np.log(2)) / 2, rel=1e-6)
    assert float(cross_entropy(logits, jnp.array([0, 1]))) == pytest.approx((np.log(4) + np.log(2)) / 2, rel=1e-6)


def test_the_cross_entropy_is_of_the_labelled_and_the_entropy_of_all():
    """Logits are x itself. x = 0 is undecided, log 2; the labelled (20, 0) decided, 4e-8, and wrong: 20."""
    weights, identity = LabelWeights(3.0, 0.5), lambda x: x
    labelled = jnp.array([[20.0, 0.0]]), jnp.array([1])
    value, metrics = label_terms(weights, identity, jnp.zeros((4, 2)), labelled)
    assert float(metrics["label_entropy"]) == pytest.approx(np.log(2), rel=1e-6)
    assert float(metrics["cross_entropy"]) == pytest.approx(20.0, rel=1e-6)
    assert metrics["accuracy"] == 0
    assert float(value) == pytest.approx(3.0 * 20.0 + 0.5 * np.log(2), rel=1e-6)
    assert label_terms(weights, identity, jnp.zeros((4, 2)), (labelled[0], jnp.array([0])))[1]["accuracy"] == 1
    plain, metrics = label_terms(LabelWeights(3.0), identity, jnp.zeros((4, 2)), labelled)
    assert float(plain) == pytest.approx(60.0, rel=1e-6) and "label_entropy" not in metrics
