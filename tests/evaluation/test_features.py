"""The small classifier: what it learns, that it is reproducible, and that its features tell good from bad samples."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from ebmjax.evaluation import accuracy, fit_classifier, frechet_distance, moments
from ebmjax.evaluation import classifier as module


@pytest.fixture(scope="module")
def digits():
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, labels = (x[order] / 8 - 1).astype(np.float32), labels[order]
    return (x[:1437], labels[:1437]), (x[1437:], labels[1437:])


@pytest.fixture(scope="module")
def classifier(digits):
    return fit_classifier(jax.random.key(0), *digits[0], 10)


@pytest.mark.slow
def test_digits_are_recognised(classifier, digits):
    # Six seeds gave .981 to .997 on 360 test rows; one standard error is .006.
    assert accuracy(classifier, *digits[1]) > 0.96


def test_shapes_and_finite(classifier, digits):
    x = digits[1][0][:7].reshape(7, 8, 8, 1)
    assert classifier.features(x).shape == (7, 64)
    assert classifier.logits(x).shape == (7, 10)
    weights, bias = classifier.layers[-1]
    np.testing.assert_allclose(classifier.logits(x), classifier.features(x) @ weights + bias, rtol=1e-4, atol=1e-4)


def test_features_rank_real_above_gaussian_above_noise(classifier, digits):
    """A Gaussian with the data's moments is good by pixels; features must see that it is not."""
    train, test = digits[0][0], digits[1][0]
    rng = np.random.default_rng(1)
    gaussian = np.clip(rng.multivariate_normal(*moments(train), size=1437), -1, 1)
    noise = np.clip(rng.normal(size=(1437, 64)), -1, 1)
    reference = classifier.features(train)
    real, gaussian, noise = (frechet_distance(classifier.features(x), reference) for x in (test, gaussian, noise))
    assert real < gaussian / 3 < noise / 9  # seen 5, 36 and 500


def small_problem():
    x = np.random.default_rng(0).normal(size=(60, 2, 3)).astype(np.float32)
    return x, (x[:, 0, 0] > 0).astype(int)


SMALL = dict(num_classes=2, hidden=(16, 8), num_steps=300, batch_size=16)


def test_units_do_not_matter():
    """Inputs are standardised, and so is their noise: ten times the columns' scale, the same classifier."""
    x, labels = small_problem()
    few = SMALL | {"num_steps": 3}
    one, ten = (fit_classifier(jax.random.key(1), scale * x, labels, **few).logits(scale * x) for scale in (1, 10))
    np.testing.assert_allclose(one, ten, rtol=1e-3, atol=1e-4)


def test_reproducible_from_the_key_and_one_trace():
    x, labels = small_problem()
    first = fit_classifier(jax.random.key(1), x, labels, **SMALL)
    traces = module._fit._cache_size()
    again = fit_classifier(jax.random.key(1), x, labels, **SMALL)
    other = fit_classifier(jax.random.key(2), x, labels, **SMALL)
    assert module._fit._cache_size() == traces
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.allclose(first.layers[0][0], other.layers[0][0])
    assert accuracy(first, x, labels) > 0.9


def test_a_constant_column_is_harmless():
    x, labels = small_problem()
    x[:, 1, 1] = 3.0
    classifier = fit_classifier(jax.random.key(0), x, labels, **SMALL)
    moved = x.copy()
    moved[:, 1, 1] += 0.1
    # Half the average standard deviation is about .5, so .1 moves the input by .2 and the features by that order.
    assert np.all(np.isfinite(classifier.features(moved)))
    assert np.abs(classifier.features(moved) - classifier.features(x)).max() < 2.0


def test_is_a_pytree_argument():
    x, labels = small_problem()
    classifier = fit_classifier(jax.random.key(0), x, labels, **SMALL)
    logits = jax.jit(lambda c, inputs: c.logits(inputs))(classifier, x)
    np.testing.assert_allclose(logits, classifier.logits(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(labels=np.zeros(5, int)), "expected integer labels"),
        (dict(labels=np.zeros(60)), "expected integer labels"),
        (dict(labels=np.full(60, 2)), "num_classes is 2"),
        (dict(hidden=()), "at least one width"),
        (dict(x=np.full((60, 6), np.nan)), "non-finite"),
    ],
)
def test_bad_input_is_refused(change, message):
    x, labels = small_problem()
    with pytest.raises(ValueError, match=message):
        fit_classifier(jax.random.key(0), **(dict(x=x, labels=labels) | SMALL | change))


def test_accuracy_refuses_labels_of_another_length():
    x, labels = small_problem()
    classifier = fit_classifier(jax.random.key(0), x, labels, **SMALL)
    with pytest.raises(ValueError, match="expected labels"):
        accuracy(classifier, x, labels[:1])
