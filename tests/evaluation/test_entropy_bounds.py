"""Bounds of a generator's entropy: around the exact one of a linear generator, and closing in with more draws."""

import numpy as np
import pytest

from ebmjax.evaluation.entropy_bounds import entropy_bounds


def draws(num, sigma, dim=1):
    """(x, g(z)) of g(z) = 2 z."""
    random = np.random.RandomState(num)
    own = 2 * random.randn(num, dim)
    return own + sigma * random.randn(num, dim), own


@pytest.mark.parametrize("dim", [1, 2])
def test_bounds_of_a_gaussian(dim):
    """x ~ N(0, 4 + σ²) in every coordinate: H = d / 2 log(2πe (4 + σ²))."""
    sigma = 0.3
    exact = dim / 2 * np.log(2 * np.pi * np.e * (4 + sigma**2))
    x, own = draws(4000, sigma, dim)
    lower, upper = entropy_bounds(x, own, draws(5000, sigma, dim)[1], sigma, batch_size=500)
    # The sample of x has a standard error of √(d / 2) / √4000 = .011 √d; both bounds share it.
    error = 0.04 * np.sqrt(dim)
    assert lower - error < exact < upper + error
    assert 0 < upper - lower < 0.1
    wide = entropy_bounds(x, own, draws(50, sigma, dim)[1], sigma, batch_size=500)
    assert wide[0] < lower and wide[1] > upper  # fewer draws: further apart on both sides


def test_without_a_mean_nearby_they_are_far_apart():
    """One mean, far from x: the upper bound is log(1) + distance² / 2σ², the lower that of the own mean."""
    x = np.zeros((3, 2))
    lower, upper = entropy_bounds(x, x, np.full((1, 2), 10.0), 1.0, batch_size=3)
    assert upper == pytest.approx(np.log(2 * np.pi) + 100) and lower == pytest.approx(np.log(2 * np.pi) + np.log(2))


def test_shapes():
    with pytest.raises(ValueError, match="expected x"):
        entropy_bounds(np.zeros((3, 2)), np.zeros((2, 2)), np.zeros((4, 2)), 1.0)
