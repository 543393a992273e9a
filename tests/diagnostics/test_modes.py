"""Occupancy and transitions of a chain whose modes are known."""

import jax
import numpy as np
import pytest

from ebmjax.diagnostics import mode_occupancy, mode_sd, mode_transitions, nearest_mode

MEANS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], np.float32)


def test_nearest_mean():
    x = np.array([[[0.1, 0.3], [3.0, 0.5]], [[1.0, 3.0], [np.nan, 0.0]], [[2.0, 0.0], [-np.inf, 0.0]]], np.float32)
    np.testing.assert_array_equal(nearest_mode(x, MEANS), [[0, 1], [2, -1], [0, -1]])


def test_far_from_the_origin():
    """Differences first: expanding the square would lose the modes in rounding."""
    np.testing.assert_array_equal(nearest_mode(MEANS + 4096 + 0.25, MEANS + 4096), [0, 1, 2])


def test_counts_by_hand():
    modes = np.array([[0, 2], [0, 2], [1, -1], [1, 0], [2, 0]])  # two chains of five draws; one draw diverged
    np.testing.assert_allclose(mode_occupancy(modes, 3), [0.4, 0.2, 0.3])
    expected = [[2, 1, 0], [0, 1, 1], [0, 0, 1]]  # 2 -> -1 and -1 -> 0 are no moves between modes
    np.testing.assert_array_equal(jax.jit(mode_transitions, static_argnums=1)(modes, 3), expected)


def test_a_known_markov_chain():
    """Occupancy tends to the stationary law and transitions to its rows."""
    rng = np.random.default_rng(0)
    move = np.array([[0.9, 0.1, 0.0], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]])
    stationary = np.array([2, 4, 1]) / 7
    modes = np.zeros((4000, 20), int)
    modes[0] = rng.choice(3, 20, p=stationary)
    for t in range(1, 4000):
        modes[t] = (rng.random(20)[:, None] > np.cumsum(move[modes[t - 1]], axis=1)).sum(axis=1)
    x = MEANS[modes] + 0.3 * rng.normal(size=(4000, 20, 2))
    labels = nearest_mode(x.astype(np.float32), MEANS)
    np.testing.assert_array_equal(labels, modes)
    # 80,000 draws with an autocorrelation time of about 25: s.e. √(0.25 · 25 / 80,000) = 0.009.
    np.testing.assert_allclose(mode_occupancy(labels, 3), stationary, atol=0.035)
    count = np.asarray(mode_transitions(labels, 3))
    assert count.sum() == 3999 * 20
    # Rows have more than 10,000 moves each: s.e. < 0.004.
    np.testing.assert_allclose(count / count.sum(axis=1, keepdims=True), move, atol=0.016)


def test_wrong_shapes():
    with pytest.raises(ValueError, match=r"x\[..., D\] and means\[K, D\], got shapes \(5, 3\) and \(3, 2\)"):
        nearest_mode(np.zeros((5, 3)), MEANS)


@pytest.mark.parametrize("scale", [1e25, 1e-25])
def test_units_do_not_matter(scale):
    """Squares of such distances are infinite or 0 in float32."""
    means = np.float32(scale) * np.array([[1, 1], [1, 0], [0, 1]], np.float32)
    x = means[[2, 1, 1]] + np.float32(0.1 * scale) * np.array([[1, 0], [1, 0], [-1, 0]], np.float32)
    np.testing.assert_array_equal(nearest_mode(x, means), [2, 1, 1])
    # About their modes' centres: 0 and ±.1 in the first of two coordinates.
    np.testing.assert_allclose(mode_sd(x, means) / scale, np.sqrt(2 * 0.1**2 / 6), rtol=1e-4)
