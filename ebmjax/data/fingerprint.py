"""Fingerprints of data sets, by which a run notices that its data were replaced."""

import hashlib

import numpy as np

from ebmjax.data.base import Dataset, what

WHOLE = 2**28  # bytes of an array that are hashed


def fingerprint(dataset: Dataset) -> dict[str, str]:
    """{"x_train": "uint8[1437, 8, 8, 1] 9f86d081e2c4", ...}: type, shape and hash of every array, and the vocabulary's.

    The hash is BLAKE2b of the array's bytes; of arrays of more than `WHOLE` bytes it sees rows at equal distances, the
    first and the last among them, of that many bytes together.
    """
    arrays = {name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    found = {name: f"{what(x)} {_digest(x)}" for name, x in arrays.items() if x is not None}
    if dataset.vocabulary is not None:
        words = hashlib.blake2b("\n".join(dataset.vocabulary).encode("utf-8", "replace"), digest_size=6)
        found["vocabulary"] = f"{len(dataset.vocabulary)} words {words.hexdigest()}"
    return found


def _digest(x: np.ndarray) -> str:
    num = max(WHOLE * len(x) // max(x.nbytes, 1), 2)
    rows = np.arange(len(x)) if x.nbytes <= WHOLE else np.linspace(0, len(x) - 1, num).astype(int)
    found = hashlib.blake2b(digest_size=6)
    for start in range(0, len(rows), 1024):
        found.update(np.ascontiguousarray(x[rows[start : start + 1024]]).data)
    return found.hexdigest()
