"""Fixtures that prepare small TFDS sets on the spot, from PNG bytes, which TFDS stores without TensorFlow."""

import io

import numpy as np
import pytest
from PIL import Image


def encode_png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def png():
    return encode_png


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """TFDS's folder of this test; the cache is beside it."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "tfds"


@pytest.fixture
def make():
    """make(folder, {split: images}, ...) prepares a set; images are arrays, or bytes as they are; labels row % 3."""
    return prepare_set


def prepare_set(folder, splits, shape=(6, 10, 3), name="tiny", version="1.0.0", **features):
    import tensorflow_datasets as tfds

    keys = features or {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(num_classes=3),
    }

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        __module__ = "tiny"  # of a package, TFDS would look for files with importlib_resources
        VERSION = tfds.core.Version(version)

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(keys))

        def _split_generators(self, _):
            return {split: self._generate_examples(images) for split, images in splits.items()}

        def _generate_examples(self, images):
            for i, image in enumerate(images):
                data = encode_png(image) if isinstance(image, np.ndarray) else image
                example = {"image": io.BytesIO(data), "label": i % 3}
                yield i, {key: example.get(key, "text") for key in keys}

    Tiny.name = name
    tfds.disable_progress_bar()
    Tiny(data_dir=folder, file_format="array_record").download_and_prepare()
