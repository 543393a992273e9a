"""A user's own arrays: images or tables in an .npz file."""

import numpy as np

from ebmjax.data.base import DataError, Dataset, first_line, hold_out, what
from ebmjax.data.classes import check_labels, number_labels
from ebmjax.data.images import LAYOUT, to_images
from ebmjax.data.paths import CSV_HINT, user_file

KEYS = "x_train and x_test (with y_train, y_test), or x (with y), or one array alone"


def load_npz(path: str) -> Dataset:
    """Read images or a table from `path` (.npz, or one array as .npy).

    Arrays: x_train and x_test, optionally y_train and y_test; or x, optionally y; or a single array of any name.
    Without a test part the last tenth of a fixed permutation is held out. Other arrays are ignored.
    Images are uint8 `[N, H, W]` or `[N, H, W, C]` with C in {1, 3} and white = 255, or what `images.to_images` converts
    to that; tables are finite floats `[N, D]`, kept as float32. Labels are whole numbers or text `[N]`, renumbered
    0, 1, ... in ascending order (`classes.number_labels`).

    Raises DataError, with the path and the expected format, for anything else.
    """
    name = f"npz:{path}"
    arrays = _read(path)
    keys = _roles(list(arrays), name)
    x_keys = [keys[part] for part in ("x_train", "x_test") if part in keys]
    y_keys = [keys[part] for part in ("y_train", "y_test") if part in keys]
    x, is_image = _examples({key: arrays[key] for key in x_keys}, name)
    lengths = dict(zip(y_keys, map(len, x)))
    y = [check_labels(arrays[key], num, f"{name}: {key} {what(arrays[key])}") for key, num in lengths.items()]
    y = number_labels(y, name) if y else [None] * len(x)
    if len(x) == 1:
        rows = hold_out(len(x[0]), name)
        x, y = [x[0][part] for part in rows], [None if y[0] is None else y[0][part] for part in rows]
    return Dataset(name, x[0], y[0], x[1], y[1], max_value=255 if is_image else None)


def _read(path: str) -> dict[str, np.ndarray]:
    """All arrays of the file, {"": array} for .npy."""
    name = f"npz:{path}"
    file = user_file(path, name)
    try:
        with file.open("rb") as opened:
            start = opened.read(6)
        if not start.startswith((b"PK", b"\x93NUMPY")):
            known = "is empty" if not start else "is neither an .npz nor an .npy file"
            raise DataError(f"{name}: {known}; write it by np.savez; {CSV_HINT}")
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"": content}
        with content:
            found = {key: content[key] for key in content.files}
        return {key: array for key, array in found.items() if isinstance(array, np.ndarray)}  # others come as bytes
    except DataError:
        raise
    except Exception as error:  # damaged bytes raise errors of the system, of zip, of zlib, and of NumPy's header
        raise DataError(
            f"{name}: not readable as plain arrays, truncated or with pickled objects ({first_line(error)}); "
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


def _examples(parts: dict[str, np.ndarray], name: str) -> tuple[list[np.ndarray], bool]:
    """Images uint8 `[N, H, W, C]` or tables float32 `[N, D]`, in the order of `parts`, and whether they are images."""
    for key, x in parts.items():
        if x.size == 0:
            raise DataError(f"{name}: {key or 'the array'} {what(x)} is empty")
    if len({(x.shape[1:], _kind(x)) for x in parts.values()}) > 1:
        told = " and ".join(f"{key} {what(x)}" for key, x in parts.items())
        raise DataError(f"{name}: examples of {told} must match in type and shape")
    key, x = next(iter(parts.items()))
    if _kind(x) and x.ndim in (3, 4):
        return to_images(parts, name), True
    if _kind(x) == "float" and x.ndim == 2:
        return [_table(x, f"{name}: {key or 'the array'} {what(x)}") for key, x in parts.items()], False
    hint = (
        LAYOUT if x.dtype == np.uint8 else "store images as uint8 in 0..255, [N, H, W, C], or a table as floats [N, D]"
    )
    raise DataError(f"{name}: {key or 'the array'} {what(x)}: {hint}; a table of integers by x.astype(np.float32)")


def _kind(x: np.ndarray) -> str:
    """The kind of number that the array holds, or "" if it holds none."""
    return {"b": "bool", "i": "integer", "u": "integer", "f": "float"}.get(x.dtype.kind, "")


def _table(x: np.ndarray, where: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # values too large for float32 become inf and are reported below
        x = x.astype(np.float32)
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise DataError(f"{where}: a table must be finite in float32; row {int(np.argmin(finite))} is not")
    return x
