"""Kernel distance: by brute force, without bias, with an error that is one."""

import numpy as np
import pytest

from ebmjax.evaluation.kernel_distance import kernel_distance, squared_mmd


def test_by_brute_force():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(4, 3)), random.normal(size=(5, 3))
    k = lambda a, b: (np.dot(a, b) / 3 + 1) ** 3
    within = lambda a: np.mean([k(a[i], a[j]) for i in range(len(a)) for j in range(len(a)) if i != j])
    expected = within(x) + within(y) - 2 * np.mean([k(a, b) for a in x for b in y])
    assert squared_mmd(x, y) == pytest.approx(expected, rel=1e-12)


def test_splits_of_one_set_average_to_zero():
    """Over random splits of one set, all pairs are alike: the expectation is exactly 0; within 2 s.e."""
    x = np.random.default_rng(1).normal(size=(200, 8)) + 1.0
    random = np.random.default_rng(2)
    found = [squared_mmd(x[order[:100]], x[order[100:]]) for order in (random.permutation(200) for _ in range(100))]
    assert abs(np.mean(found)) < 2 * np.std(found, ddof=1) / 10


def test_another_law_is_seen_and_small_sets_are_used_whole():
    random = np.random.default_rng(3)
    x, y, other = random.normal(size=(300, 4)), random.normal(size=(250, 4)), random.normal(size=(250, 4)) + 0.5
    same, error = kernel_distance(x, y, num_subsets=50, subset_size=100)
    assert abs(same) < 0.1 and error > 0
    far, error = kernel_distance(x, other, num_subsets=50, subset_size=100)
    assert far > 5 * error
    whole = kernel_distance(x[:20], x[:20], num_subsets=3, subset_size=100)
    assert whole == (pytest.approx(squared_mmd(x[:20], x[:20])), pytest.approx(0.0, abs=1e-12))


def test_the_reported_error_is_that_of_the_mean():
    """It predicts the spread of the means over pairs of sets so large that subsets share next to nothing."""
    found = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        x, y = random.normal(size=(2, 4000, 4))
        found.append(kernel_distance(x, y, num_subsets=10, subset_size=20, seed=seed))
    mean, error = np.transpose(found)
    # 20 means: their spread has a relative standard error of 16 %.
    assert 0.6 < np.mean(error) / np.std(mean, ddof=1) < 1.6


def test_of_two_gaussians_is_unbiased():
    """N(0, I) and N(m, I), |m| = 1, d = 4, by moments: 3/4 |m|² + 3/16 |m|⁴ + (|m|⁶ + 6 |m|⁴ + 18 |m|²) / 64."""
    random = np.random.default_rng(4)
    draw = lambda shift: random.normal(size=(40, 4)) + shift
    found = [squared_mmd(draw(0.0), draw(0.5)) for _ in range(400)]
    assert abs(np.mean(found) - 1.328125) < 4 * np.std(found, ddof=1) / 20


def test_refusals():
    with pytest.raises(ValueError, match="expected x"):
        squared_mmd(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="at least 2 subsets"):
        kernel_distance(np.zeros((3, 2)), np.zeros((3, 2)), num_subsets=1)
