"""A user's own arrays: images or tables in an .npz file."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from ebmjax.data.base import DataError, Dataset, first_line, hold_out

KEYS = "x_train and x_test (with y_train, y_test), or x (with y), or one array alone"


def load_npz(path: str) -> Dataset:
    """Read images or a table from `path` (.npz, or one array as .npy).

    Arrays: x_train and x_test, optionally y_train and y_test; or x, optionally y; or a single array of any name.
    Without a test part the last tenth of a fixed permutation is held out. Other arrays are ignored.
    Images are uint8 `[N, H, W]` or `[N, H, W, C]` with C in {1, 3} and white = 255; tables are finite floats `[N, D]`,
    kept as float32; labels are integers `[N]`, 0, 1, ... for images, arbitrary for tables, whose labels are renumbered
    0, 1, ... in ascending order.

    Raises DataError, with the path and the expected format, for anything else.
    """
    name = f"npz:{path}"
    arrays = _read(path)
    keys = _roles(list(arrays), name)
    x_train, is_image = _examples(arrays, keys["x_train"], name)
    lowest = 0 if is_image else np.iinfo(np.int32).min
    y_train = _labels(arrays, keys.get("y_train"), len(x_train), name, lowest)
    if "x_test" in keys:
        x_test, test_is_image = _examples(arrays, keys["x_test"], name)
        if is_image != test_is_image or x_train.shape[1:] != x_test.shape[1:]:
            raise DataError(f"{name}: examples of x_train {_what(x_train)} and x_test {_what(x_test)} must match")
        y_test = _labels(arrays, keys.get("y_test"), len(x_test), name, lowest)
    else:
        train, test = hold_out(len(x_train), name)
        x_train, x_test = x_train[train], x_train[test]
        y_train, y_test = (None, None) if y_train is None else (y_train[train], y_train[test])
    if not is_image and y_train is not None and y_test is not None:
        # Published tables often label from 1, or -1 and 1. Without renumbering, a class without examples would be
        # learned and sampled.
        names = np.unique(np.concatenate([y_train, y_test]))
        y_train, y_test = (np.searchsorted(names, y).astype(np.int32) for y in (y_train, y_test))
    return Dataset(name, x_train, y_train, x_test, y_test, max_value=255 if is_image else None)


def _read(path: str) -> dict[str, np.ndarray]:
    """All arrays of the file, {"": array} for .npy."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise DataError(f"npz:{path}: no such file ({file.absolute()})")
    try:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"": content}
        with content:
            return {key: content[key] for key in content.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"npz:{path}: not readable as plain arrays, truncated or with pickled objects ({first_line(error)}); "
            "write it again with np.savez"
        ) from None


def _roles(found: list[str], name: str) -> dict[str, str]:
    """{"x_train", "y_train", "x_test", "y_test": key in the file}, as far as the file has them."""
    if len(found) == 1:
        return {"x_train": found[0]}
    if "x" in found and not {"x_train", "x_test"} & set(found):
        return {f"{key}_train": key for key in ("x", "y") if key in found}
    if "x_train" not in found:
        raise DataError(f"{name}: expected {KEYS}; found {', '.join(found) or 'no array'}")
    if ("y_test" in found) != ("y_train" in found and "x_test" in found):
        raise DataError(f"{name}: labels need y_train, y_test and x_test; found {', '.join(found)}")
    return {key: key for key in ("x_train", "y_train", "x_test", "y_test") if key in found}


def _examples(arrays: dict[str, np.ndarray], key: str, name: str) -> tuple[np.ndarray, bool]:
    """Images uint8 `[N, H, W, C]` or a table float32 `[N, D]`, and whether they are images."""
    x = arrays[key]
    where = f"{name}: {key or 'the array'} {_what(x)}"
    if x.size == 0:
        raise DataError(f"{where} is empty")
    if x.dtype == np.uint8:
        if x.ndim == 3:
            x = x[..., None]
        if x.ndim != 4 or x.shape[-1] not in (1, 3):
            raise DataError(f"{where}: images are [N, H, W] or [N, H, W, C] with C 1 or 3 (channels last)")
        return x, True
    if np.issubdtype(x.dtype, np.floating) and x.ndim == 2:
        with np.errstate(over="ignore"):  # values too large for float32 become inf and are reported below
            x = x.astype(np.float32)
        if not np.isfinite(x).all():
            raise DataError(f"{where}: a table must be finite in float32; row {_first_bad(x)} is not")
        return x, False
    raise DataError(f"{where}: store images as uint8 in 0..255, [N, H, W, C], or a table as floats [N, D]")


def _labels(arrays: dict[str, np.ndarray], key: str | None, num: int, name: str, lowest: int) -> np.ndarray | None:
    """Labels as int32 `[N]`, none below `lowest`; None without a key."""
    if key is None:
        return None
    y = arrays[key]
    where = f"{name}: {key} {_what(y)}"
    if not np.issubdtype(y.dtype, np.integer) or y.shape != (num,):
        raise DataError(f"{where}: expected integers [{num}], one for each example")
    if y.min() < lowest or y.max() > np.iinfo(np.int32).max:
        allowed = "integers of 32 bits" if lowest else "0, 1, 2 ..."
        raise DataError(f"{where}: labels must be {allowed}; they span {y.min()} .. {y.max()}")
    return y.astype(np.int32)


def _first_bad(x: np.ndarray) -> int:
    return int(np.argmin(np.isfinite(x).all(axis=1)))


def _what(x: np.ndarray) -> str:
    return f"{x.dtype}{list(x.shape)}"
