"""Stacked images: channels are images of the set, labels name all three, and every call gives the same."""

import numpy as np
import pytest

from ebmjax.data import DataError, Dataset, load, spec
from ebmjax.data.stacked import stack


@pytest.fixture(scope="module")
def stacks():
    return load("stacked:digits")


def test_channels_are_digits_and_labels_name_them(stacks):
    digits = load("digits")
    by_image = {image.tobytes(): label for image, label in zip(digits.x_train[..., 0], digits.y_train)}
    for x, y in zip(stacks.x_train[:50], stacks.y_train[:50]):
        assert y == sum(by_image[x[..., i].tobytes()] * 10**i for i in range(3))


def test_counts(stacks):
    found = spec(stacks)
    assert (found.num_train, found.num_test, found.shape, found.num_classes) == (50_000, 10_000, (8, 8, 3), 1000)
    assert stacks.max_value == 16 and stacks.name == "stacked:digits"
    # Three draws with replacement: every mode has about 50 stacks, none is missing.
    assert np.bincount(stacks.y_train, minlength=1000).min() > 10


def test_the_same_at_every_call(stacks):
    again = load("stacked:digits")
    assert np.array_equal(again.x_test, stacks.x_test) and np.array_equal(again.y_train, stacks.y_train)


def test_the_parts_share_no_image():
    """Training stacks are of training images alone."""
    x = np.repeat(np.arange(4, dtype=np.uint8), 4).reshape(4, 2, 2, 1)
    found = stack(Dataset("four", x[:3], np.array([0, 1, 2]), x[3:], np.array([1]), 255), "stacked:four")
    assert set(np.unique(found.x_train)) == {0, 1, 2} and set(np.unique(found.x_test)) == {3}
    assert set(np.unique(found.y_test)) == {1 + 3 + 9}


@pytest.mark.parametrize("name", ["stacked:fake:8x8x3", "stacked:wine", "stacked:8gaussians"])
def test_what_cannot_be_stacked(name):
    with pytest.raises(DataError, match=f"^{name}: stacked:NAME needs grey images .* with labels, and "):
        load(name)
