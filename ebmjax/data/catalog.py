"""Data sets by name: the catalog of all names, and the conversion between uint8 and floats."""

import os

import numpy as np

from ebmjax.data import embedded, files, stacked, tabular, text, tfds, toy
from ebmjax.data.augment import check_augmentation
from ebmjax.data.base import DataError, Dataset, DataSpec, unknown_name
from ebmjax.data.fingerprint import fingerprint
from ebmjax.data.paths import file_hint

__all__ = ["DataError", "DataSpec", "Dataset", "load", "spec", "to_float", "to_uint8"]


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    cache_dir: str | os.PathLike | None = None,
    max_length: int | None = None,
    vocabulary_size: int | None = None,
    standardise: bool = False,
    num_train: int = 0,
    augment: str = "",
) -> Dataset:
    """Load a data set by name.

    Args:
        name: "digits", "labyrinth" (embedded), "npz:PATH" (a user's arrays), "fake:HxWxC" (random images),
            "stacked:NAME" (three grey images of the set NAME as channels), a toy in the plane (`data.toy.TOYS`: "gmm",
            "rings", ...), a small labelled table ("digits_vectors", "breast_cancer", "wine": `data.tabular`), an image
            set that TFDS has prepared, "set[/config][:version][@size]" ("svhn_cropped", "celeb_a@64"), or sentences:
            "pydoc" (Python's own documentation), "lines:PATH" (a user's file, one sentence per line).
        data_dir: of TFDS; default $TFDS_DATA_DIR, else ~/tensorflow_datasets.
        cache_dir: of decoded TFDS sets; default $EBMJAX_CACHE, else ~/.cache/ebmjax.
        max_length, vocabulary_size: for sentences only, see `data.text`; None for its defaults.
        standardise: for tables only: give the columns mean 0 and standard deviation 1 in the training part.
        num_train: ≥ 0; keep the first num_train training examples in the order of the set (for TFDS that of its files,
            which is shuffled once, when they are prepared); 0 for all. The test part, and the vocabulary of sentences,
            stay those of the whole set.
        augment: "crop" or "crop_flip" of the training images while training (`data.augment`); "" for none. The arrays
            themselves, and so all evaluation, stay as they are.

    Returns:
        Arrays; the same call gives the same arrays and the same split every time. `fingerprint` is that of the arrays
        as they are trained on, but before they are standardised, which may round differently on another machine.

    What is converted on the way, or looks wrong, is said in one line on stderr. Raises DataError, one line, if the name
    is unknown or the data are missing or malformed. Downloads nothing.
    """
    options = {"max_length": max_length, "vocabulary_size": vocabulary_size}
    options = {field: value for field, value in options.items() if value is not None}
    dataset = _first(_find(name, options, data_dir, cache_dir), num_train)
    check_augmentation(augment, dataset.x_train.shape[1:], name)
    dataset = dataset._replace(fingerprint=fingerprint(dataset), augment=augment)
    return tabular.standardise(dataset) if standardise else dataset


def _find(name: str, options: dict[str, int], data_dir, cache_dir) -> Dataset:
    """The data set of that name; `options` are those of sentences."""
    if set(name) & set("\n\r\0"):  # each would break a line of output, or the system's calls
        raise unknown_name(name, [])
    if name == "pydoc":
        return text.pydoc(**options)
    if name.startswith("lines:"):
        return text.load_lines(name.removeprefix("lines:"), **options)
    if options:
        raise DataError(f"{name}: {' and '.join(options)} apply only to sentences: pydoc, or lines:PATH")
    if name == "digits":
        return embedded.digits()
    if name == "labyrinth":
        return embedded.labyrinth()
    if name in toy.TOYS:
        return toy.load_toy(name)
    if name in tabular.NUM_TRAIN:
        return tabular.load_table(name)
    if name.startswith("npz:"):
        return files.load_npz(name.removeprefix("npz:"))
    if name.startswith("fake:"):
        return embedded.fake(name.removeprefix("fake:"))
    if name.startswith("stacked:"):
        return stacked.stack(_find(name.removeprefix("stacked:"), options, data_dir, cache_dir), name)
    if hint := file_hint(name):
        raise DataError(f"unknown data set {name!r}; {hint}")
    return tfds.load(name, data_dir=data_dir, cache_dir=cache_dir)


def _first(dataset: Dataset, num_train: int) -> Dataset:
    """The data set with its first `num_train` training examples; 0 for all."""
    held = len(dataset.x_train)
    if not 0 <= num_train <= held:
        raise DataError(f"{dataset.name}: data.num_train = {num_train} must be in 1 .. {held}, or 0 for all {held}")
    if num_train == 0:
        return dataset
    labels = dataset.y_train
    return dataset._replace(x_train=dataset.x_train[:num_train], y_train=None if labels is None else labels[:num_train])


def spec(dataset: Dataset) -> DataSpec:
    """The properties of `dataset` that a model is built from."""
    labels = [y.max() for y in (dataset.y_train, dataset.y_test) if y is not None]
    return DataSpec(
        name=dataset.name,
        shape=tuple(dataset.x_train.shape[1:]),
        num_train=len(dataset.x_train),
        num_test=len(dataset.x_test),
        num_classes=int(max(labels)) + 1 if labels else None,
        max_value=dataset.max_value,
        vocab_size=None if dataset.vocabulary is None else len(dataset.vocabulary),
    )


def to_float(x, max_value: int | None):
    """Images uint8 in 0 .. `max_value` -> float32 in [-1, 1]; tables and tokens (`max_value` None) stay as they are.

    x: a NumPy or JAX array of any shape; the result is of the same kind.
    """
    return x if max_value is None else x.astype("float32") / max_value * 2 - 1


def to_uint8(x, max_value: int = 255) -> np.ndarray:
    """Images as floats in [-1, 1] -> uint8 in 0 .. `max_value`; values outside are clipped, NaN becomes black."""
    x = np.nan_to_num(np.asarray(x, np.float32), nan=-1.0)
    return np.rint((np.clip(x, -1, 1) + 1) * (max_value / 2)).astype(np.uint8)
