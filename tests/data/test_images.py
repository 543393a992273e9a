"""Images in other types, ranges and layouts become the same uint8 [N, H, W, C]; what looks wrong is said."""

import numpy as np
import pytest

from ebmjax.data import load

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 5, 4, 3), np.uint8)
IMAGES[0, 0, 0] = 0, 255, 128
BINARY = np.where(IMAGES > 127, 255, 0).astype(np.uint8)

SAME = {
    "uint8": (IMAGES, IMAGES, ""),
    "[0, 1]": (IMAGES / 255, IMAGES, "0 for black and 1 for white, in 256 levels"),
    "[-1, 1]": (IMAGES.astype(np.float32) / 127.5 - 1, IMAGES, "-1 for black and 1 for white"),
    "0 .. 255": (IMAGES.astype(np.float16), IMAGES, "0 for black and 255 for white"),
    "int64": (IMAGES.astype(np.int64), IMAGES, "0 for black and 255 for white"),
    "uint16": (IMAGES.astype(np.uint16) * 257, IMAGES, "0 for black and 65535 for white"),
    "bool": (BINARY > 0, BINARY, "0 for black and 1 for white"),
    "0 and 1": (BINARY // 255, BINARY, "0 for black and 1 for white"),
    "a little outside": (IMAGES / 255 * 1.0004 - 0.0002, IMAGES, "0 for black and 1 for white"),
    "channels first": (IMAGES.transpose(0, 3, 1, 2), IMAGES, "taken as images with channels first"),
    "both": (IMAGES.transpose(0, 3, 1, 2) / 255, IMAGES, "channels first and 0 for black and 1 for white"),
    "one channel first": (IMAGES[:, None, :, :, 0], IMAGES[..., :1], "taken as images with channels first"),
    "grey floats": (IMAGES[..., 0] / 255, IMAGES[..., :1], "0 for black and 1 for white"),
}


def loaded(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return load(f"npz:{tmp_path}/a.npz")


@pytest.mark.parametrize("case", SAME)
def test_the_same_images_and_one_line(tmp_path, capsys, case):
    stored, expected, said = SAME[case]
    data = loaded(tmp_path, x_train=stored[:20], x_test=stored[20:])
    np.testing.assert_array_equal(data.x_train, expected[:20])
    np.testing.assert_array_equal(data.x_test, expected[20:])
    assert data.x_train.dtype == data.x_test.dtype == np.uint8 and data.max_value == 255
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == bool(said) and all(said in line and "a.npz: x_train" in line for line in lines)


def test_a_test_part_of_few_values_keeps_the_range_of_the_training_part(tmp_path):
    """A test image without values below 0 is not in [0, 1] for that."""
    x = IMAGES.astype(np.float32) / 127.5 - 1
    data = loaded(tmp_path, x_train=x, x_test=np.full((1, 5, 4, 3), 0.0))
    assert np.all(data.x_test == 128)


@pytest.mark.parametrize(
    "x, said",
    [
        (IMAGES * 0, "all images are black, every value is 0"),
        (IMAGES // 16, "the largest value is 15 of 255; if it means white, store np.rint"),
        (
            np.random.RandomState(0).randint(0, 256, (9, 3, 32, 3), np.uint8),
            "9 images of 3 x 32 pixels with 3 channels",
        ),
        (np.random.RandomState(0).randint(0, 256, (32, 32, 3), np.uint8), "32 images of 32 x 3 pixels with 1 channels"),
    ],
    ids=["black", "0 .. 15", "two axes of three", "one image"],
)
def test_what_is_seldom_meant_is_said(tmp_path, capsys, x, said):
    data = loaded(tmp_path, x=x)
    assert said in capsys.readouterr().err
    np.testing.assert_array_equal(np.sort(np.concatenate([data.x_train, data.x_test]), None), np.sort(x, None))
