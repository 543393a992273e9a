"""The protocols of FID: pixel values by hand, Pillow's and JAX's own interpolation, names, numbers of rows."""

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.evaluation.fid_protocols import (
    DEFAULT,
    PROTOCOLS,
    bicubic,
    centres,
    corners,
    find_protocol,
    least_images,
    network_input,
    num_counted,
)


def test_corners_by_hand():
    """TensorFlow 1: output i at i / 2; the last has no neighbour to the right."""
    np.testing.assert_allclose(corners(2, 4) @ np.array([0.0, 1.0]), [0, 0.5, 1, 1])


def test_centres_by_hand():
    """PyTorch: outputs at -1/4, 1/4, 3/4, 5/4; the first and last are outside and repeat the ends."""
    np.testing.assert_allclose(centres(2, 4) @ np.array([0.0, 1.0]), [0, 0.25, 0.75, 1])


@pytest.mark.parametrize("num_in", [8, 32, 299])
def test_centres_are_jaxs_bilinear(num_in):
    x = np.random.default_rng(0).uniform(size=num_in).astype(np.float32)
    expected = jax.image.resize(x, (299,), "bilinear", antialias=False)
    np.testing.assert_allclose(centres(num_in, 299) @ x, expected, atol=1e-5)


def test_bicubic_by_hand():
    """The kernel of a = -1/2 at distances 1/4, 5/4 and 1/4, 3/4 is .8671875, -.0703125 and .8671875, .2265625."""
    ends = [0.8671875 / 0.796875, 0.8671875 / 1.09375]
    expected = [[ends[0], 1 - ends[0]], [ends[1], 1 - ends[1]], [1 - ends[1], ends[1]], [1 - ends[0], ends[0]]]
    np.testing.assert_allclose(bicubic(2, 4), expected, rtol=1e-6)


@pytest.mark.parametrize("num_in", [7, 32, 640])
def test_bicubic_is_pillows(num_in):
    """In floats, also where pixels become fewer and Pillow antialiases."""
    x = np.random.default_rng(1).uniform(0, 255, (num_in, 5)).astype(np.float32)
    expected = np.asarray(Image.fromarray(x).resize((5, 299), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(bicubic(num_in, 299) @ x, expected, atol=1e-3)


# Two columns, 255 and 0, become 299. Output 149 lies in the middle, at column 1/2 by centres, at 298 / 299 by corners.
# Output 37 lies at .2475 by corners, and by centres left of the first column, where cubic interpolation exceeds 255.
MIDDLE = {"tf2015": 255 * (1 - 298 / 299) / 128 - 1, "pytorch-fid": 0.0, "clean-fid": 127.5 / 128 - 1}
LEFT = {"tf2015": 255 * (1 - 74 / 299) / 128 - 1, "pytorch-fid": 1.0, "clean-fid": 255 / 128 - 1}
# Grey of 100.4 everywhere: image files hold 100.
GREY = {"tf2015": 100.4 / 128 - 1, "pytorch-fid": 2 * 100 / 255 - 1, "clean-fid": (100 - 128) / 128}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_pixels_by_hand(name):
    x = np.stack([np.tile(np.array([255.0, 0.0]), (2, 1)), np.full((2, 2), 100.4)])[..., None]
    found = np.asarray(network_input(find_protocol(name), x))
    assert found.shape == (2, 299, 299, 1)
    np.testing.assert_allclose(found[0, :, 149, 0], MIDDLE[name], atol=2e-6)
    np.testing.assert_allclose(found[0, :, 37, 0], LEFT[name], atol=2e-6)
    np.testing.assert_allclose(found[1], GREY[name], atol=2e-6)


def test_rows_that_count():
    assert [num_counted(120, name) for name in ("tf2015", "pytorch-fid", "clean-fid")] == [100, 120, 120]
    assert [least_images(name) for name in ("tf2015", "pytorch-fid", "clean-fid")] == [50, 2, 2]


def test_names():
    assert set(PROTOCOLS) == {"tf2015", "pytorch-fid", "clean-fid"} and DEFAULT in PROTOCOLS
    with pytest.raises(ValueError, match="unknown FID protocol 'tf'; known: tf2015, pytorch-fid, clean-fid"):
        find_protocol("tf")
    with pytest.raises(ValueError, match="'float' .it is now called tf2015."):
        find_protocol("float")
    with pytest.raises(ValueError, match="'uint8' .it is gone: it enlarged images as pytorch-fid does and scaled"):
        find_protocol("uint8")
