"""The toys in the plane: fixed tables, and the laws that their docstrings state."""

import jax
import numpy as np
import pytest

from ebmjax.data import DataError, load, spec
from ebmjax.data.base import TOY_NAMES
from ebmjax.data.toy import TOYS
from ebmjax.diagnostics import mode_occupancy, nearest_mode
from ebmjax.energies import eight_gaussians, rings


@pytest.mark.parametrize("name", TOYS)
def test_a_fixed_table(name):
    data, again = load(name), load(name)
    assert spec(data) == (name, (2,), 50_000, 10_000, None, None, None)
    assert data.x_train.dtype == data.x_test.dtype == np.float32 and data.y_train is None
    np.testing.assert_array_equal(data.x_train, again.x_train)
    assert np.abs(data.x_train).max() < 6 * (4 if name.endswith("_x4") else 1)
    # Train and test are draws of one law: means within 5 standard errors of each other.
    error = data.x_train.std(axis=0) * np.sqrt(1 / 50_000 + 1 / 10_000)
    assert np.all(np.abs(data.x_train.mean(axis=0) - data.x_test.mean(axis=0)) < 5 * error)


@pytest.mark.parametrize(("name", "radius", "sd"), [("gmm", 1, 0.15), ("8gaussians", 2 * np.sqrt(2), np.sqrt(1 / 8))])
def test_eight_gaussians_are_the_target(name, radius, sd):
    """Equal modes, and the same mean energy under the target's density as exact draws of it have."""
    x = load(name).x_train
    means = radius * np.array([[np.cos(a), np.sin(a)] for a in 2 * np.pi * np.arange(8) / 8], np.float32)
    # Multinomial: s.e. √(1/8 · 7/8 / 50,000) = .0015. Modes overlap beyond 2.5 sd, which moves as many both ways.
    np.testing.assert_allclose(mode_occupancy(nearest_mode(x, means), 8), 1 / 8, atol=0.006)
    target = eight_gaussians(radius, sd)
    data, exact = (np.asarray(target.energy(points)) for points in (x, target.sample(jax.random.key(0), 50_000)))
    assert abs(data.mean() - exact.mean()) < 5 * data.std() * np.sqrt(2 / 50_000)


def test_rings():
    radius = np.linalg.norm(load("rings").x_train, axis=1)
    ring = np.rint(radius).astype(int)
    np.testing.assert_allclose(np.bincount(ring, minlength=5)[1:5] / 50_000, 1 / 4, atol=0.01)  # s.e. .002
    np.testing.assert_allclose(radius - ring, 0, atol=0.5)
    # s.e. of the standard deviation .15 / √(2 · 50,000) = .0005, less what lies nearer to another ring.
    assert abs((radius - ring).std() - 0.15) < 0.003
    # The stated distance to the target, whose density has the factor r / radius: E[-log(r / radius)] ≈ sd² / 2 radius².
    x, target = load("rings").x_train, rings()
    normal = np.exp(-((radius[:, None] - [1, 2, 3, 4]) ** 2) / 0.045) / (0.15 * np.sqrt(2 * np.pi))
    log_density = np.log(normal.sum(axis=1) / 4 / (2 * np.pi * radius))
    assert 0 < np.mean(log_density + np.asarray(target.energy(x)) + target.log_z) < 0.006  # s.e. .0004


def test_checkerboard_lies_on_the_dark_squares():
    x = load("checkerboard").x_train
    column, row = np.floor((x + 4) / 2).astype(int).T
    assert np.abs(x).max() <= 4 and np.all((column + row) % 2 == 0)
    # Eight equal squares, s.e. .0015.
    np.testing.assert_allclose(np.bincount(4 * column + row)[[0, 2, 5, 7, 8, 10, 13, 15]] / 50_000, 1 / 8, atol=0.008)


def test_pinwheel_has_five_blades():
    """Unwound by 0.25 e^r the blades point to the five directions; the angle across has sd .1 / r."""
    x = load("pinwheel").x_train.astype(np.float64) / 2
    radius = np.linalg.norm(x, axis=1)
    outer = radius > 0.7  # nearer to the origin the radius is no longer the coordinate along the blade
    angle = np.arctan2(x[outer, 1], x[outer, 0]) - 0.25 * np.exp(radius[outer])
    away = np.abs(angle * 5 / (2 * np.pi) - np.rint(angle * 5 / (2 * np.pi)))
    assert np.mean(away < 0.25) > 0.99  # 0.25 of 72 degrees is .31 rad, 3 sd


@pytest.mark.parametrize("name", ["8gaussians", "pinwheel"])
def test_four_times_as_large(name):
    """The same draws, but for rounding."""
    np.testing.assert_allclose(load(f"{name}_x4").x_test, 4 * load(name).x_test, rtol=1e-5)


def test_two_spirals_are_symmetric():
    """The law is even, so odd moments vanish, and radii reach 3π / 3."""
    x = load("two_spirals").x_train
    assert np.all(np.abs(x.mean(axis=0)) < 5 * x.std(axis=0) / np.sqrt(50_000))
    assert np.pi < np.linalg.norm(x, axis=1).max() < np.pi + 1


def test_a_misspelled_toy_gets_the_name():
    assert set(TOYS) == set(TOY_NAMES)
    with pytest.raises(DataError, match="did you mean pinwheel"):
        load("pinwheels")
