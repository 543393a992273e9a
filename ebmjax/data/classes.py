"""Labels of any kind as classes 0 .. K - 1: one rule for all readers."""

from collections.abc import Sequence

import numpy as np

from ebmjax.data.base import DataError, say

SHOWN = 4  # labels, of many, in a line


def check_labels(y: np.ndarray, num: int, where: str) -> np.ndarray:
    """`y` as `[N]`: integers, bools, whole floats or text, one for each of the `num` examples; `[N, 1]` loses its axis.

    Raises DataError, beginning with `where`, for anything else.
    """
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (num,) or y.dtype.kind not in "biufSU":
        hint = "; of one-hot rows store y.argmax(axis=1)" if y.ndim == 2 and len(y) == num else ""
        raise DataError(f"{where}: expected one label for each example, integers [{num}]{hint}")
    if y.dtype.kind == "f" and not (whole := np.isfinite(y) & (y == np.trunc(y))).all():
        row = int(np.argmin(whole))
        raise DataError(f"{where}: labels must be whole numbers; row {row} has {y[row]}")
    return y


def number_labels(parts: Sequence[np.ndarray], name: str) -> list[np.ndarray]:
    """The labels of all parts of a data set, each `[N]` of `check_labels`, as int32 0 .. K - 1.

    The K distinct labels are numbered in ascending order; one line says so, unless they are 0 .. K - 1 already.
    Published sets often label from 1, or -1 and 1. Without numbering, a class without examples would be learned and
    sampled, and one label of 2e9 would make 2e9 classes. Raises DataError if some parts have numbers and others text.
    """
    if len({y.dtype.kind if y.dtype.kind in "SU" else "number" for y in parts}) > 1:
        raise DataError(f"{name}: the labels of the training and the test part must both be numbers, or both text")
    found = [np.unique(y, return_inverse=True) for y in parts]
    # As Python's integers, which compare exactly, whatever the types of the parts are.
    values = [[v if isinstance(v, str | bytes) else int(v) for v in names.tolist()] for names, _ in found]
    names = sorted({value for part in values for value in part})
    if names != list(range(len(names))):
        shown = ", ".join(f"{value!r:.20}" for value in names[:SHOWN])
        more = f" ... {names[-1]!r:.20}" if len(names) > SHOWN else ""
        say(f"{name}: the {len(names)} labels {shown}{more} become the classes 0 .. {len(names) - 1}, in this order")
    if 2 * len(names) > (num := sum(map(len, parts))):
        say(f"{name}: {len(names)} classes for {num} examples; numbers of the examples, or to predict, are no labels")
    numbers = {value: i for i, value in enumerate(names)}
    return [
        np.array([numbers[value] for value in part], np.int32)[inverse]
        for part, (_, inverse) in zip(values, found, strict=True)
    ]
