"""Paths that a user gives: home folders, relative paths, and files that are not there."""

import os
from pathlib import Path

from ebmjax.data.base import DataError

SUFFIXES = {".npz": "npz", ".npy": "npz", ".txt": "lines", ".gz": "lines", ".tsv": "lines"}
"""Suffix of a file -> the kind of data set that reads it."""

FROM_CSV = "np.savez('x.npz', x=np.loadtxt('x.csv', delimiter=','))"
CSV_HINT = f"a CSV file of numbers is converted by {FROM_CSV}"


def user_path(path: str | os.PathLike) -> Path:
    """The path with ~ and ~user as home folders; as it is where these are unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user; or no HOME, and a user without an entry in the system's list, as in containers
        return Path(path)


def user_file(path: str, name: str) -> Path:
    """The existing file at `path`. Raises DataError with the data set's `name`, and the path that was tried."""
    file = user_path(path)
    tried = "" if str(file.absolute()) == path else f" ({file.absolute()})"
    try:
        if not file.is_file():
            what = "no such file, but a folder" if file.is_dir() else "no such file"
            raise DataError(f"{name}: {what}{tried}")
    except OSError as error:  # too long a name, or a folder that may not be entered
        raise DataError(f"{name:.200}: {error.strerror}") from None
    return file


def absolute_name(name: str) -> str:
    """The name of a data set, with an absolute path if it is of a file ("npz:PATH", "lines:PATH")."""
    kind, _, path = name.partition(":")
    if kind not in SUFFIXES.values() or not path:
        return name
    return f"{kind}:{os.path.abspath(user_path(path))}"


def file_hint(name: str) -> str | None:
    """What to do if the name of a data set is that of a file, without the kind before it; None for other names."""
    suffix = Path(name).suffix.lower()
    if ":" in name or "@" in name.partition(".")[2]:
        return None
    if suffix == ".csv":
        return CSV_HINT
    if suffix in SUFFIXES:
        return f"did you mean {SUFFIXES[suffix]}:{name}?"
    if name.startswith(("/", "./", "../", "~")):
        return f"did you mean npz:{name}, or lines:{name}?"
    return None
