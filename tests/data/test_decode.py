from pathlib import Path

import numpy as np
import pytest

from ebmjax.data import DataError, load, tfds
from ebmjax.data.decode import Part, fill, image_array

MNIST = Path(__file__).parents[3] / "shared/data/tfds"
IMAGES = np.random.RandomState(0).randint(0, 256, (30, 6, 10, 3), np.uint8)


def test_centre_square(png):
    """Bands of another colour outside the centre square must leave no trace."""
    wide = np.full((20, 30, 3), 200, np.uint8)
    wide[:, 5:25] = [10, 20, 30]
    for image in (wide, np.swapaxes(wide, 0, 1)):
        array = image_array(png(image), (8, 8, 3), 8)
        np.testing.assert_array_equal(array, np.broadcast_to(np.array([10, 20, 30], np.uint8), (8, 8, 3)))
    left_half = np.zeros((16, 16), np.uint8)
    left_half[:, :8] = 255
    halves = image_array(png(left_half), (4, 4, 1), 4)[..., 0]
    # Symmetric filter: antisymmetric about the edge, constant along it, and not mirrored.
    np.testing.assert_allclose(halves[:, ::-1].astype(int) + halves, 255, atol=1)
    assert halves[0, 0] > halves[0, 3] and (halves == halves[:1]).all()


def test_sets_of_several_chunks(make, folder, monkeypatch):
    monkeypatch.setattr("ebmjax.data.decode.CHUNK", 7)
    make(folder, {"train": IMAGES})
    data = load("tiny")
    found = np.concatenate([data.x_train, data.x_test])
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(IMAGES, axis=0))  # TFDS shuffles


def test_damaged_image_leaves_no_cache(make, png, folder, tmp_path):
    make(folder, {"train": [png(image) for image in IMAGES[:5]] + [b"not an image"]})
    with pytest.raises(DataError, match=r"tiny@4: rows \d to \d cannot be read \(cannot identify image") as error:
        load("tiny@4")
    assert "\n" not in str(error.value) and list((tmp_path / "cache" / "tfds").iterdir()) == []


@pytest.mark.skipif(not (MNIST / "mnist").is_dir(), reason="no prepared MNIST beside the checkout")
def test_mnist_as_tfds_decodes_it(folder, tmp_path):
    builder = tfds.find_builder(tfds.parse("mnist"), str(MNIST))
    assert tfds.image_shape(builder, "mnist", None) == (28, 28, 1)
    parts = tfds.split_parts(builder, "mnist")
    assert (len(parts["train"].rows), len(parts["test"].rows)) == (60000, 10000)
    few = {key: Part(part.source, range(200)) for key, part in parts.items()}  # all 70,000 take 5 s
    fill(tmp_path / "cache/tfds/mnist-3.0.1-full", "mnist", few, (28, 28, 1), None)
    data = load("mnist")
    reference = builder.as_data_source("train[:200]")
    np.testing.assert_array_equal(data.x_train, np.stack([example["image"] for example in reference]))
    np.testing.assert_array_equal(data.y_train[:10], [4, 1, 0, 7, 8, 1, 2, 7, 1, 6])  # as in TFDS's documentation
