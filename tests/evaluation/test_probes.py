"""Probes of features: Bayes' accuracy where it is known, and that no more labels are looked at than allowed."""

import numpy as np
import pytest
from scipy.stats import norm

from ebmjax.evaluation import cluster_probe, linear_probe
from ebmjax.evaluation.linear_probe import name_clusters, standardised

SHIFT = 1.0


def two_gaussians(num, seed, dim=6):
    """N(±SHIFT, 1) along the first feature and N(0, 100) along the others: Bayes' accuracy is Φ(SHIFT)."""
    random = np.random.RandomState(seed)
    y = random.randint(0, 2, num)
    x = random.standard_normal((num, dim)) * np.array([1.0] + [10.0] * (dim - 1))
    x[:, 0] += SHIFT * (2 * y - 1)
    return x, y


TRAIN, TEST = two_gaussians(2000, 0), two_gaussians(4000, 1)


def test_all_labels_reach_bayes():
    # One standard error of 4,000 rows is .006; the fit to 2,000 rows of 6 features loses about .001.
    assert abs(linear_probe(*TRAIN, *TEST) - norm.cdf(SHIFT)) < 0.02
    assert linear_probe(*TRAIN, *TEST, 20) < linear_probe(*TRAIN, *TEST, 1000)


def test_features_without_the_label_are_at_chance():
    x, test = TRAIN[0][:, 1:], TEST[0][:, 1:]
    assert abs(linear_probe(x, TRAIN[1], test, TEST[1]) - 0.5) < 0.04  # five standard errors


def test_only_the_drawn_labels_count():
    """Whatever the other labels are, the accuracy stays; the seed decides which are drawn."""
    x, y = TRAIN
    rows = np.random.RandomState(3).permutation(len(x))[:50]
    other = 1 - y
    other[rows] = y[rows]
    found = linear_probe(x, y, *TEST, 50, 3)
    assert found == linear_probe(x, other, *TEST, 50, 3)
    assert found != linear_probe(x, y, *TEST, 50, 4)


def test_three_classes_units_and_constant_columns():
    """Standardisation: neither the units of a feature, nor one that never varies, changes anything."""
    random = np.random.RandomState(0)
    y = np.arange(300) % 3
    x = 4 * np.eye(3)[y] + random.standard_normal((300, 3))
    wide = np.concatenate([x * [1.0, 1e6, 1e-6], np.full((300, 1), 7.0)], axis=1)
    found = linear_probe(x[:200], y[:200], x[200:], y[200:])
    assert found > 0.9  # Bayes: two classes differ by 4 sqrt(2), each is mistaken less than once in 100
    assert found == linear_probe(wide[:200].reshape(200, 2, 2), y[:200], wide[200:].reshape(100, 2, 2), y[200:])


def test_one_class_is_what_is_predicted():
    x, y = TRAIN
    assert linear_probe(x, np.zeros_like(y), *TEST, 10) == np.mean(TEST[1] == 0)
    assert linear_probe(x, y, *TEST, 1) in (np.mean(TEST[1] == 0), np.mean(TEST[1] == 1))


def test_clusters():
    """Two far clusters are found and named."""
    random = np.random.RandomState(0)
    y = random.randint(0, 2, 400)
    x = random.standard_normal((400, 6)) + 6.0 * y[:, None]
    assert cluster_probe(x[:200], y[:200], x[200:], y[200:]) == 1.0


def test_names():
    """The most certain row names its cluster, beyond what 1 - p can tell, and its label alone is read of two classes;
    of three, the second cluster is named by its most certain row of another label."""
    far = [[1.0, 1e-20], [1.0, 1e-200], [0.1, 0.9]]
    np.testing.assert_array_equal(name_clusters(far, [0, 1, 0]), [1, 0])
    np.testing.assert_array_equal(name_clusters(far, [0, 1, 1]), [1, 0])
    three = [[0.9, 0.1, 0.0], [0.0, 0.02, 0.98], [0.3, 0.7, 0.0], [0.0, 0.01, 0.99]]
    np.testing.assert_array_equal(name_clusters(three, [5, 7, 6, 6]), [5, 7, 6])


@pytest.mark.parametrize(
    "change, expected",
    [
        (dict(num_labels=0), r"num_labels must be in \[1, 2000\]"),
        (dict(num_labels=2001), r"num_labels must be in \[1, 2000\]"),
        (dict(test_x=TEST[0][:, 1:]), "got"),
        (dict(train_y=TRAIN[1][1:]), "got"),
        (dict(train_x=np.full_like(TRAIN[0], np.nan)), "finite"),
    ],
)
def test_refusals(change, expected):
    whole = dict(train_x=TRAIN[0], train_y=TRAIN[1], test_x=TEST[0], test_y=TEST[1])
    with pytest.raises(ValueError, match=expected):
        linear_probe(**whole | change)


def test_cluster_refusal():
    with pytest.raises(ValueError, match=r"num_components must be in \[1, 6\]"):
        cluster_probe(*TRAIN, *TEST, num_components=7)


def test_a_column_that_is_constant_in_training_is_not_blown_up():
    """The mean of 0.1 is rounded, so that the column's sd is not 0: a test row at 0.2 would be at 10¹⁵."""
    train, test = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 6.0]]), np.array([[0.2, 3.0]])
    assert train.std(0)[0] > 0
    found, other = standardised(train, test)
    np.testing.assert_allclose(other, [[0.1, 0.0]], atol=1e-12)
    np.testing.assert_allclose(found[:, 1].std(), 1.0)
