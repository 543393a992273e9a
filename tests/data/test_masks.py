"""Masks of incomplete examples: how much they hide, and that they are a function of seed and index."""

import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data.masks import random_block, random_pixels, random_squares

INDEX = jnp.arange(400)


def test_random_pixels():
    mask = random_pixels(INDEX, (8, 8, 3), fraction=0.3)
    assert mask.shape == (400, 8, 8, 3) and mask.dtype == bool
    assert (mask == mask[..., :1]).all()  # a pixel, not a channel
    # 25,600 pixels, each hidden with probability .3, and each of the 64 places 400 times.
    assert abs(np.mean(~mask) - 0.3) < 4 * np.sqrt(0.21 / 25_600)
    assert np.abs(np.mean(~mask[..., 0], axis=0) - 0.3).max() < 5 * np.sqrt(0.21 / 400)
    assert random_pixels(INDEX, (5,), fraction=0.0).all()


def test_random_squares():
    """Every pixel, at the border too, is hidden with the probability asked for, by whole squares."""
    mask = random_squares(INDEX, (16, 16, 1), fraction=0.5, size=3)[..., 0]
    # 400 images of about 16²/9 independent squares: sd of the mean of one image at most .5 / √28, of a pixel .5 / 20.
    assert abs(np.mean(~mask) - 0.5) < 4 * 0.5 / np.sqrt(28 * 400)
    assert np.abs(np.mean(~mask, axis=0) - 0.5).max() < 5 * 0.5 / 20
    # A hidden pixel inside lies in a hidden square of 3 x 3.
    hidden = np.asarray(~mask)
    whole = np.lib.stride_tricks.sliding_window_view(hidden, (3, 3), axis=(1, 2)).all(axis=(3, 4))
    covered = np.zeros_like(hidden)
    for row in range(3):
        for column in range(3):
            covered[:, row : row + 14, column : column + 14] |= whole
    np.testing.assert_array_equal(covered[:, 2:-2, 2:-2], hidden[:, 2:-2, 2:-2])
    single = random_squares(INDEX, (8, 8, 3), fraction=0.3, size=1)
    assert (single == single[..., :1]).all() and abs(np.mean(~single) - 0.3) < 4 * np.sqrt(0.21 / 25_600)
    assert random_squares(INDEX, (8, 8, 1), fraction=0.0, size=2).all()


def test_random_block():
    """One square, equally likely at each of its 5 x 5 places."""
    mask = random_block(INDEX, (8, 8, 1), size=4)[..., 0]
    assert (np.sum(~mask, axis=(1, 2)) == 16).all()
    rows, columns = np.any(~mask, axis=2), np.any(~mask, axis=1)
    assert (rows.sum(1) == 4).all() and (columns.sum(1) == 4).all()
    places = np.bincount(5 * np.argmax(rows, axis=1) + np.argmax(columns, axis=1), minlength=25)
    assert len(places) == 25 and places.min() > 0 and np.sum((places - 16) ** 2 / 16) < 60  # χ² of 24: 51 once in 1,000


@pytest.mark.parametrize(
    "make",
    [
        lambda i, s: random_pixels(i, (8, 8, 1), fraction=0.5, seed=s),
        lambda i, s: random_block(i, (8, 8, 1), size=3, seed=s),
        lambda i, s: random_squares(i, (8, 8, 1), fraction=0.5, size=3, seed=s),
    ],
    ids=["pixels", "block", "squares"],
)
def test_a_function_of_seed_and_index(make):
    np.testing.assert_array_equal(make(INDEX, 0)[7:9], make(jnp.array([7, 8]), 0))
    assert np.any(make(INDEX, 0) != make(INDEX, 1)) and np.any(make(INDEX, 0)[0] != make(INDEX, 0)[1])


def test_bad_masks_are_refused():
    with pytest.raises(ValueError, match="fraction = 1.5 must lie"):
        random_pixels(INDEX, (4,), fraction=1.5)
    for shape, size in (((8, 8, 1), 9), ((4,), 2), ((8, 8, 1), 0)):
        with pytest.raises(ValueError, match="a square of that side does not fit"):
            random_block(INDEX, shape, size=size)
        with pytest.raises(ValueError, match="a square of that side does not fit"):
            random_squares(INDEX, shape, fraction=0.5, size=size)
