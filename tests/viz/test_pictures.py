"""Pictures: the right pixels in the right places, and whole files or none."""

import os

import numpy as np
import pytest
from PIL import Image

from ebmjax import files
from ebmjax.viz import pictures


def constant_images(values, size=2, channels=1):
    return np.broadcast_to(np.float32(values)[:, None, None, None], (len(values), size, size, channels))


def test_grid_places_and_scales_pixels():
    grid = pictures.image_grid(constant_images([-1.0, 0.0, 1.0]), columns=2, scale=3, padding=1)
    assert grid.shape == (13, 13, 1) and grid.dtype == np.uint8
    assert np.all(grid[:6, :6] == 0)
    assert np.all(grid[:6, 7:] == 128)
    assert np.all(grid[7:, :6] == 255)
    assert np.all(grid[7:, 7:] == 255)  # no fourth image: paper
    assert np.all(grid[6] == 255) and np.all(grid[:, 6] == 255)


def test_grid_keeps_orientation_and_colour():
    image = np.full((1, 2, 3, 3), -1.0)
    image[0, 0, 2, 1] = 1.0  # green, top right
    grid = pictures.image_grid(image, scale=2)
    assert grid.shape == (4, 6, 3)
    np.testing.assert_array_equal(grid[0, 5], [0, 255, 0])
    assert grid.sum() == 4 * 255


def test_small_images_are_enlarged_and_large_ones_are_not():
    assert 600 <= pictures.image_grid(np.zeros((20, 8, 8, 1))).shape[1] < 720
    assert pictures.image_grid(np.zeros((10, 64, 64, 3)), padding=0).shape[1] == 640


def test_out_of_range_and_non_finite_values():
    grid = pictures.image_grid(constant_images([-9.0, 9.0, np.nan, np.inf, -np.inf], size=1), 5, scale=1, padding=0)
    np.testing.assert_array_equal(grid[0, :, 0], [0, 255, 0, 255, 0])


@pytest.mark.parametrize("channels", [1, 3])
def test_save_grid_writes_a_wide_png(tmp_path, channels):
    path = tmp_path / "made" / "grid.png"
    images = np.random.default_rng(0).uniform(-1, 1, (12, 8, 8, channels))
    pictures.save_grid(images, path, columns=5)
    plain = np.asarray(Image.open(path))
    assert Image.open(path).format == "PNG" and plain.shape[1] >= 600
    pictures.save_grid(images, path, columns=5, title="samples")
    titled = np.asarray(Image.open(path))
    assert titled.shape[0] > plain.shape[0] and titled.shape[1] == plain.shape[1]
    extra = titled.shape[0] - plain.shape[0]
    np.testing.assert_array_equal(titled[extra + 8 :], plain[8:])  # the same grid below the line
    assert titled[: extra + 8].min() < 128  # ink
    assert os.listdir(path.parent) == ["grid.png"]


def test_pairs_put_reconstructions_below_their_originals(tmp_path):
    path = tmp_path / "pairs.png"
    pictures.save_pairs(constant_images([-1.0] * 5), constant_images([0.0] * 5), path, columns=3)
    column = np.asarray(Image.open(path))[:, -20, 0]  # inside the third image of the first band
    values = [v for v, before in zip(column, [255, *column], strict=False) if v != before]
    assert values == [0, 255, 128, 255]  # the second band has two images only
    assert np.asarray(Image.open(path))[:, :90].min() < 128  # labels


def test_interpolations_are_one_row_each(tmp_path):
    path = tmp_path / "interpolations.png"
    x = np.linspace(-1, 1, 8).reshape(2, 4, 1, 1, 1) * np.ones((2, 4, 8, 8, 1))
    pictures.save_interpolations(x, path)
    picture = np.asarray(Image.open(path))[..., 0]
    step = 19 * 8 + 6  # ceil(600 / 32) pixels per pixel, and the padding
    centres = pictures.MARGIN + step // 2 + step * np.arange(4)
    expected = np.round(127.5 * (1 + np.linspace(-1, 1, 8))).reshape(2, 4)
    np.testing.assert_array_equal(picture[np.ix_(centres[:2], centres)], expected)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        open(temporary, "w").close()
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 64)), "a table"),
        (np.zeros((5, 8, 8)), "C is 1 or 3"),
        (np.zeros((5, 8, 8, 2)), "C is 1 or 3"),
        (np.zeros((0, 8, 8, 1)), "expected images"),
        (np.zeros((5, 8, 8, 1), np.uint8), "127.5"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, x, message):
    with pytest.raises(ValueError, match=message):
        pictures.save_grid(x, tmp_path / "x.png")
    with pytest.raises(ValueError, match=message):
        pictures.save_pairs(x, x, tmp_path / "x.png")
    assert not os.listdir(tmp_path)


def test_other_bad_input_is_refused(tmp_path):
    images = np.zeros((4, 2, 2, 1))
    with pytest.raises(ValueError, match="columns"):
        pictures.image_grid(images, columns=0)
    with pytest.raises(ValueError, match="differ"):
        pictures.save_pairs(images, images[:3], tmp_path / "x.png")
    with pytest.raises(ValueError, match="rows, points"):
        pictures.save_interpolations(images, tmp_path / "x.png")
