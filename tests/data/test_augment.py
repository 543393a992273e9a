"""Random crops and flips: which images they make, how often, and by which key."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data import DataError, load, to_uint8
from ebmjax.data.augment import augment
from ebmjax.data.loader import batch_of, make_loader

KEY = jax.random.key(0)
SIDE = 12
IMAGE = np.arange(SIDE**2, dtype=np.float32).reshape(SIDE, SIDE, 1)  # distinct pixels
PADDED = np.pad(IMAGE[..., 0], 4, mode="reflect")
CROPS = [PADDED[i : i + SIDE, j : j + SIDE] for i in range(9) for j in range(9)]
NUM = 8100


@pytest.mark.parametrize(("name", "possible"), [("crop", CROPS), ("crop_flip", CROPS + [c[:, ::-1] for c in CROPS])])
def test_every_window_of_the_reflected_image_is_as_likely(name, possible):
    """81 windows, and 81 mirrored ones: all occur, no other image does, and χ² is that of equal probabilities."""
    made = np.asarray(jax.jit(partial(augment, name))(KEY, jnp.broadcast_to(IMAGE, (NUM, *IMAGE.shape))))[..., 0]
    index = {image.tobytes(): i for i, image in enumerate(map(np.ascontiguousarray, possible))}
    assert len(index) == len(possible)
    counts = np.bincount([index[image.tobytes()] for image in made], minlength=len(possible))
    degrees, expected = len(possible) - 1, NUM / len(possible)
    assert abs(np.sum((counts - expected) ** 2 / expected) - degrees) < 4 * np.sqrt(2 * degrees)


def test_an_image_is_cropped_by_its_own_key():
    """Its place and the key decide, whatever the other images are; leading axes are counted through."""
    x = jax.random.normal(jax.random.key(1), (12, 6, 6, 3))
    flipped = jax.jit(partial(augment, "crop_flip"))
    made = flipped(KEY, x)
    np.testing.assert_array_equal(flipped(KEY, x.at[3:].set(7.0))[:3], made[:3])
    np.testing.assert_array_equal(flipped(KEY, x.reshape(3, 4, 6, 6, 3)).reshape(x.shape), made)
    assert not np.array_equal(flipped(jax.random.key(2), x), made)
    assert augment("", KEY, x) is x


def test_batches_are_cropped_as_a_function_of_the_step():
    """Labelled examples too, each draw by keys of its own; validation examples never."""
    x = np.broadcast_to(np.uint8(IMAGE), (17, *IMAGE.shape))
    rows = np.tile(np.arange(3), (2, 1))
    arrays = {"x": x, "label": np.arange(17), "labelled": rows, "valid_x": x[:2], "valid_label": np.arange(2)}
    loader = make_loader(17, 8, max_value=255, augment="crop")
    of = jax.jit(lambda step: batch_of(loader, arrays, jnp.arange(8), KEY, step))
    first, second, again = of(3), of(4), of(3)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first["x"], second["x"])
    seen = [first["x"], *first["labelled"]["x"]]
    assert all(not np.array_equal(a, b) for i, a in enumerate(seen) for b in seen[:i])
    possible = {np.uint8(crop).tobytes() for crop in CROPS}
    assert all(image.tobytes() in possible for part in seen for image in to_uint8(part)[..., 0])
    np.testing.assert_allclose(first["valid"]["x"][1], IMAGE / 255 * 2 - 1, rtol=1e-6)


def test_by_name():
    assert load("fake:8x8x1", augment="crop").augment == "crop" and load("fake:8x8x1").augment == ""
    with pytest.raises(DataError, match="data.augment = 'flip' is unknown; known: '', 'crop', 'crop_flip'"):
        load("fake:8x8x1", augment="flip")
    with pytest.raises(DataError, match="fake:4x8x1: data.augment = crop needs images with sides above 4 pixels"):
        load("fake:4x8x1", augment="crop")
