"""Types of data sets, the error of `ebmjax.data`, and the split of sets that come without a test part."""

import difflib
import functools
import sys
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

TOY_NAMES = ("gmm", "8gaussians", "rings", "checkerboard", "pinwheel", "two_spirals", "8gaussians_x4", "pinwheel_x4")
OTHER_NAMES = {
    "digits": "digits",
    "labyrinth": "labyrinth",
    "pydoc": "pydoc",
    "digits_vectors": "digits_vectors",
    "breast_cancer": "breast_cancer",
    "wine": "wine",
    "npz": "npz:PATH",
    "lines": "lines:PATH",
    "fake": "fake:HxWxC",
    "stacked": "stacked:NAME",
} | {name: name for name in TOY_NAMES}
"""Names that do not come from TFDS: {word to compare a misspelling with: how the name is written}."""


class DataError(ValueError):
    """A data set that is unknown, missing or malformed: one line that says what, where, and what to do."""


class Dataset(NamedTuple):
    """Arrays of one data set.

    name: as given to `load`. x_train, x_test: images uint8 `[N, H, W, C]` in 0 .. `max_value`, C in {1, 3}, tables
    float32 `[N, D]`, or sentences int32 `[N, L]` of tokens (`data.text`). y_train, y_test: int32 `[N]`, or None without
    labels. max_value: the value of white, None for tables and sentences. vocabulary: the word of every token, for
    sentences only, else None. labelled: training rows whose labels may be used, int32 `[M]`, or `[S, M]` for S draws;
    None for all (`data.labelled`). fingerprint: of what was read (`data.fingerprint`), None for arrays from elsewhere.
    x_train and x_test may be read-only memory maps.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    max_value: int | None
    vocabulary: tuple[str, ...] | None = None
    labelled: np.ndarray | None = None
    fingerprint: Mapping[str, str] | None = None
    augment: str = ""
    x_valid: np.ndarray | None = None
    y_valid: np.ndarray | None = None


class DataSpec(NamedTuple):
    """The properties of a data set that a model is built from; no arrays.

    shape: of one example, (H, W, C), (D,) or (L,). num_classes: largest label + 1, None without labels. vocab_size: the
    number of tokens, for sentences only, else None.
    """

    name: str
    shape: tuple[int, ...]
    num_train: int
    num_test: int
    num_classes: int | None
    max_value: int | None
    vocab_size: int | None = None


def fixed_permutation(num: int) -> np.ndarray:
    """The same permutation of 0 .. num - 1 everywhere: `RandomState` is the generator NumPy promises not to change."""
    return np.random.RandomState(0).permutation(num)


def hold_out(num: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows (train, test), each ascending: the test part is the last tenth (at least 1) of a fixed permutation.

    Raises DataError, naming the data set, if there are fewer than 2 examples.
    """
    if num < 2:
        raise DataError(f"{name}: no test part, and holding one out needs at least 2 examples, got {num}")
    order = fixed_permutation(num)
    num_test = max(num // 10, 1)
    return np.sort(order[:-num_test]), np.sort(order[-num_test:])


def unknown_name(name: str, tfds_names: list[str]) -> DataError:
    """The error for a name that is neither built in nor in TFDS's list, with the nearest names."""
    typed = name.lower().split(":")[0].split("@")[0].split("/")[0]
    names = [*OTHER_NAMES, *tfds_names]
    longer = [n for n in names if len(typed) > 2 and n.startswith(typed)]
    near = list(dict.fromkeys(longer + difflib.get_close_matches(typed, names, n=3)))[:3]
    hint = f"; did you mean {' or '.join(OTHER_NAMES.get(n, n) for n in near)}?" if near else "."
    known = ", ".join(OTHER_NAMES.values())
    return DataError(
        f"unknown data set {name!r}{hint} Known: {known}, and the image sets of "
        "https://www.tensorflow.org/datasets/catalog/overview by name"
    )


@functools.cache
def say(line: str) -> None:
    """Print a line to stderr about what was done to the data, or looks wrong there: once in a process."""
    print(line, file=sys.stderr, flush=True)


def what(x: np.ndarray) -> str:
    """The type and shape of an array, as in "uint8[9, 8, 8, 1]"."""
    return f"{x.dtype}{list(x.shape)}"


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
