"""The cache of decoded arrays: folders of .npy files, each of which appears complete or not at all."""

import contextlib
import functools
import os
import re
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

import numpy as np

from ebmjax.data.base import DataError, first_line, say


def root(cache_dir: str | os.PathLike | None = None) -> Path:
    """The folder of the cache: `lasting`, else a temporary one, which is deleted when the process ends."""
    return lasting(cache_dir) or Path(_temporary().name)


def lasting(cache_dir: str | os.PathLike | None = None) -> Path | None:
    """`cache_dir`, else $EBMJAX_CACHE, else ~/.cache/ebmjax; None, said in one line, if the home folder is unknown."""
    try:
        return Path(cache_dir or os.environ.get("EBMJAX_CACHE") or "~/.cache/ebmjax").expanduser()
    except RuntimeError:  # no HOME, and a user without an entry in the system's list, as in containers
        say("the home folder is unknown: nothing is cached beyond this run; EBMJAX_CACHE=FOLDER keeps a cache")
        return None


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="ebmjax-")


def versions(folder: Path, pattern: str, marker: str) -> list[str]:
    """The versions "x.y.z" (the group of `pattern`) of subfolders that hold the file `marker`."""
    if not folder.is_dir():
        return []
    matches = [re.fullmatch(pattern, child.name) for child in folder.iterdir() if (child / marker).is_file()]
    return [m[1] for m in matches if m]


def newest(found: list[str]) -> str | None:
    """The largest of the versions "x.y.z", compared as numbers; None if there are none."""
    return max(found, key=lambda version: [int(n) for n in version.split(".")], default=None)


def read(folder: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray | None]:
    """x_train, y_train, x_test, y_test from a folder of the cache; DataError if it is damaged.

    Images are read-only memory maps, so a large set costs no memory until its rows are used.
    """

    def images(part: str) -> np.ndarray:
        return np.load(folder / f"x_{part}.npy", mmap_mode="r")

    def labels(part: str) -> np.ndarray | None:
        path = folder / f"y_{part}.npy"
        return np.load(path) if path.exists() else None

    try:
        return images("train"), labels("train"), images("test"), labels("test")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"the cache {folder} is damaged ({first_line(error)}): delete this folder and run again"
        ) from None


@contextlib.contextmanager
def filling(folder: Path) -> Generator[Path, None, None]:
    """Yield an empty folder that is renamed to `folder` at the end, or deleted if anything goes wrong.

    Two processes may fill the same folder: the first to finish wins.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".filling-") as scratch:
            new = Path(scratch) / folder.name  # made by mkdir: its permissions follow the umask, unlike scratch's
            new.mkdir()
            yield new
            try:
                os.replace(new, folder)
            except OSError:
                if not folder.is_dir():
                    raise
    except OSError as error:
        raise DataError(
            f"cannot write the cache {folder} ({first_line(error)}): set EBMJAX_CACHE to another folder"
        ) from None


def write_images(path: Path, chunks: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Write uint8 rows that arrive in chunks as one .npy of `shape`, without holding them all."""
    with open(path, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk, np.uint8).data)
