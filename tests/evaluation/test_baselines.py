"""PCA reconstruction error against what linear algebra says it is."""

import numpy as np
import pytest

from ebmjax.evaluation import pca_mse
from ebmjax.evaluation.baselines import mean_fill, neighbour_fill


def test_error_on_the_training_rows_is_the_variance_left_out():
    x = np.random.default_rng(0).normal(size=(200, 12)) * np.arange(1, 13)
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    assert pca_mse(x, x, 4) == pytest.approx(np.sum(singular[4:] ** 2) / x.size, rel=1e-9)


def test_rows_of_the_same_subspace_are_exact_and_images_are_flattened():
    rng = np.random.default_rng(1)
    basis, offset = rng.normal(size=(3, 16)), rng.normal(size=16)
    train, test = (offset + rng.normal(size=(n, 3)) @ basis for n in (40, 10))
    assert pca_mse(train.reshape(40, 4, 4, 1), test.reshape(10, 4, 4, 1), 3) < 1e-20
    assert pca_mse(train, test, 2) > 1e-3


def test_the_mean_comes_from_the_training_rows():
    train = np.array([[-1.0, 0.0], [1.0, 0.0]])
    assert pca_mse(train, np.array([[0.5, 2.0]]), 1) == pytest.approx(2.0)  # (0² + 2²) / 2 entries


@pytest.mark.parametrize(("num_components", "columns"), [(0, 4), (5, 4), (2, 3)])
def test_bad_input_is_refused(num_components, columns):
    with pytest.raises(ValueError, match="pca_mse"):
        pca_mse(np.ones((10, 4)), np.ones((2, columns)), num_components)


def test_means_of_what_was_observed():
    train, seen = np.array([[1.0, 9.0], [3.0, 5.0], [8.0, 7.0]]), np.array([[1, 0], [1, 0], [0, 0]], bool)
    found = mean_fill(train, seen, np.array([[np.nan, 4.0], [0.0, np.nan]]), np.array([[0, 1], [1, 0]], bool))
    np.testing.assert_array_equal(found, [[2, 4], [0, 2]])  # the second entry was never seen: the mean of 1 and 3


def test_neighbours_fill_what_they_have():
    """Nearest in the entries that both have; one without the wanted entry is passed over."""
    train = np.array([[0.0, 0.0, 1.0], [0.1, 0.0, 5.0], [9.0, 9.0, 3.0]])
    seen = np.ones((3, 3), bool)
    x, observed = np.array([[0.02, 0.0, np.nan]]), np.array([[1, 1, 0]], bool)
    fill = lambda num: neighbour_fill(train, seen, x, observed, num)[0, 2]
    assert fill(1) == 1 and fill(2) == 3
    seen[0, 2] = False
    assert fill(1) == 5
    images = neighbour_fill(
        train.reshape(3, 3, 1), seen.reshape(3, 3, 1), x.reshape(1, 3, 1), observed.reshape(1, 3, 1)
    )
    assert images.shape == (1, 3, 1)


def test_an_entry_that_no_training_row_has_stays_in_its_place():
    x = np.array([[1.0, 9.0, 3.0], [2.0, 9.0, 5.0]])
    seen = np.array([[True, False, True], [True, False, True]])
    found = neighbour_fill(x, seen, x, np.array([[True, False, False], [True, False, True]]), num_neighbours=1)
    assert found.shape == (2, 3) and np.all(np.isfinite(found))
    np.testing.assert_allclose(found[:, [0, 2]], [[1, 3], [2, 5]])
    np.testing.assert_allclose(mean_fill(x, seen, x, seen)[:, 1], 11 / 4)  # the mean of all others
