"""Fréchet distance against closed forms of Gaussians."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ebmjax.evaluation import frechet_distance, frechet_from_moments, moments


def test_moments_are_float64_and_unbiased():
    mean, cov = moments(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]], np.float32))
    assert mean.dtype == cov.dtype == np.float64
    np.testing.assert_allclose(mean, [2.0, 2.0])
    np.testing.assert_allclose(cov, [[4.0, 3.0], [3.0, 3.0]])  # sums of products 8, 6, 6 over N - 1 = 2


def test_moments_of_a_far_mean_do_not_cancel():
    x = np.random.default_rng(0).normal(size=(500, 3))
    np.testing.assert_allclose(moments(x + 1e6)[1], moments(x)[1], rtol=1e-6)


def test_distance_to_itself_is_zero():
    x = np.random.default_rng(0).normal(size=(200, 30)) * np.linspace(0.01, 20.0, 30)
    assert 0.0 <= frechet_distance(x, x) < 1e-9


def test_mean_shift_costs_its_square():
    x = np.random.default_rng(1).normal(size=(300, 10))
    shift = np.linspace(-1.0, 2.0, 10)
    assert frechet_distance(x, x + shift) == pytest.approx(np.sum(shift**2), rel=1e-9)


@pytest.mark.slow
def test_isotropic_covariances_in_2048_dimensions():
    eye, zero = np.eye(2048), np.zeros(2048)
    expected = 2048 * (np.sqrt(2.0) - np.sqrt(0.5)) ** 2
    with threadpool_limits(1):  # where cores are shared, threads of LAPACK wait for each other: 36 s instead of 4
        assert frechet_from_moments(zero, 2.0 * eye, zero, 0.5 * eye) == pytest.approx(expected, rel=1e-9)


def test_commuting_covariances():
    """In a common eigenbasis the distance is the sum of (√a - √b)² over the eigenvalues, some of them zero."""
    rng = np.random.default_rng(2)
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    a, b = rng.uniform(0.0, 3.0, 20), rng.uniform(0.0, 3.0, 20)
    a[:5], b[3:9] = 0.0, 0.0
    zero = np.zeros(20)
    actual = frechet_from_moments(zero, basis * a @ basis.T, zero, basis * b @ basis.T)
    assert actual == pytest.approx(np.sum((np.sqrt(a) - np.sqrt(b)) ** 2), rel=1e-9)


def test_two_dimensions_without_a_common_basis():
    """For 2 x 2 matrices tr √M = √(tr M + 2 √det M), with M = S_x S_y."""
    s_x, s_y = np.array([[2.0, 0.7], [0.7, 1.0]]), np.array([[0.5, -0.3], [-0.3, 3.0]])
    product = s_x @ s_y
    cross = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(s_x) + np.trace(s_y) - 2 * cross
    zero = np.zeros(2)
    assert frechet_from_moments(zero, s_x, zero, s_y) == pytest.approx(expected, rel=1e-12)
    assert frechet_from_moments(zero, s_y, zero, s_x) == pytest.approx(expected, rel=1e-12)


def test_fewer_samples_than_dimensions():
    """x and c·x span the same small subspace: the distance is (1 - c)² (tr S + |m|²), with no jitter to hide behind."""
    x = 100.0 * np.random.default_rng(3).normal(size=(12, 80))
    mean, cov = moments(x)
    assert frechet_distance(x, x) / np.trace(cov) < 1e-12
    assert frechet_distance(x, 3.0 * x) == pytest.approx(4.0 * (np.trace(cov) + mean @ mean), rel=1e-9)


def test_supports_at_right_angles_have_no_cross_term():
    x = np.random.default_rng(4).normal(size=(50, 6))
    left, right = np.hstack([x, 0 * x]), np.hstack([0 * x, x])
    mean, cov = moments(x)
    assert frechet_distance(left, right) == pytest.approx(2 * (np.trace(cov) + mean @ mean), rel=1e-12)


def test_point_masses():
    x, y = np.ones((5, 4)), np.zeros((5, 4))
    assert frechet_distance(x, y) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 3)), "at least 2 rows"),
        (np.zeros((4, 2, 2, 1)), "flatten"),
        (np.array([[0.0, 1.0], [np.nan, 1.0], [0.0, np.inf]]), "2 of 3 rows"),
        (np.zeros((4, 2)), "same D"),
    ],
)
def test_bad_samples_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(x, np.zeros((4, 3)))


@pytest.mark.parametrize("cov", [np.diag([1.0, -0.5]), np.full((2, 2), np.nan), np.array([[1.0, 0.2], [0.1, 1.0]])])
def test_bad_covariances_are_refused(cov):
    with pytest.raises(ValueError, match="covariance holds|negative eigenvalue|not symmetric"):
        frechet_from_moments(np.zeros(2), np.eye(2), np.zeros(2), cov)
