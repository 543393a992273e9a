"""The Inception Score: closed forms, splits, and the file of its last layer."""

import numpy as np
import pytest

from ebmjax.evaluation.inception_score import inception_score, load_classifier


def test_uniform_predictions_score_one():
    assert inception_score(np.zeros((20, 7))) == (1.0, 0.0)
    rows = np.random.default_rng(0).normal(size=(1, 7)).repeat(20, axis=0)  # any prediction, the same for all
    assert inception_score(rows, 4)[0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_certain_and_balanced_predictions_score_the_number_of_classes(num_classes):
    logits = 1e4 * np.eye(num_classes)[np.arange(10 * num_classes) % num_classes]
    mean, deviation = inception_score(logits, 5)
    assert mean == pytest.approx(num_classes, rel=1e-12) and deviation == pytest.approx(0, abs=1e-12)


def test_by_hand():
    """p = (.9, .1) and (.5, .5): the mean is (.7, .3)."""
    p = np.array([[0.9, 0.1], [0.5, 0.5]])
    kl = 0.5 * (0.9 * np.log(0.9 / 0.7) + 0.1 * np.log(0.1 / 0.3) + 0.5 * np.log(0.5 / 0.7) + 0.5 * np.log(0.5 / 0.3))
    score, _ = inception_score(np.log(p) + np.array([[3.0], [-2.0]]), 1)  # a constant in a row changes nothing
    assert score == pytest.approx(np.exp(kl), rel=1e-12)


def test_splits_are_scored_apart_and_in_order():
    """Two halves of one class each score 1, the whole 2."""
    logits = 1e4 * np.repeat(np.eye(2), 6, axis=0)
    assert inception_score(logits, 1)[0] == pytest.approx(2.0)
    assert inception_score(logits, 2) == pytest.approx((1.0, 0.0))
    three = np.concatenate([logits, logits[::2]])  # two more splits of 6, of which the last holds both classes
    mean, deviation = inception_score(three, 3)
    assert mean == pytest.approx(4 / 3) and deviation == pytest.approx(np.std([1, 1, 2]))


@pytest.mark.parametrize("logits, num_splits", [(np.zeros(4), 1), (np.zeros((3, 2)), 4), (np.zeros((3, 2)), 0)])
def test_refusals(logits, num_splits):
    with pytest.raises(ValueError, match="expected logits"):
        inception_score(logits, num_splits)
    with pytest.raises(ValueError, match="not finite"):
        inception_score(np.full((3, 2), np.nan), 1)


def test_the_last_layer(tmp_path):
    weight = np.arange(3 * 2048, dtype=np.float16).reshape(3, 2048) / 2048
    np.savez(tmp_path / "port.npz", **{"fc.weight": weight, "fc.bias": np.zeros(3)})
    np.testing.assert_array_equal(load_classifier(tmp_path / "port.npz"), weight.astype(np.float32).T)
    np.savez(tmp_path / "features.npz", other=weight)
    with pytest.raises(ValueError, match="holds no last layer"):
        load_classifier(tmp_path / "features.npz")
    np.savez(tmp_path / "short.npz", **{"fc.weight": weight[:, :5]})
    with pytest.raises(ValueError, match=r"has shape \(3, 5\)"):
        load_classifier(tmp_path / "short.npz")
