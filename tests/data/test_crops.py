"""Squares of images: where they come from, and that they are always the same."""

import numpy as np
import pytest

from ebmjax.data import DataError
from ebmjax.data.crops import random_crops

X = np.arange(2 * 6 * 8 * 3).reshape(2, 6, 8, 3)  # every entry once


def test_squares_are_pieces_of_the_images():
    """Each of the 2 x 3 x 5 squares with a side of 4 occurs among 1,000, and the same ones for the same seed."""
    squares = random_crops(X, 1000, 4)
    assert squares.shape == (1000, 4, 4, 3)
    image, row, column = np.unravel_index(squares[:, 0, 0, 0], X.shape)[:3]
    assert len(set(zip(image, row, column))) == 2 * 3 * 5
    for i in (0, 17, 999):
        np.testing.assert_array_equal(squares[i], X[image[i], row[i] : row[i] + 4, column[i] : column[i] + 4])
    np.testing.assert_array_equal(squares, random_crops(X, 1000, 4))
    assert np.any(squares != random_crops(X, 1000, 4, seed=1))


def test_the_whole_image():
    np.testing.assert_array_equal(random_crops(X[:1, :, :6], 2, 6), np.repeat(X[:1, :, :6], 2, axis=0))


@pytest.mark.parametrize("side", [0, 7])
def test_a_square_that_does_not_fit(side):
    with pytest.raises(DataError, match=f"a side of {side} pixels does not fit into images of 6 x 8"):
        random_crops(X, 3, side)
