"""Atomic writing of files, and the lock of a work directory."""

import errno
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def named_in_errors(path: Path) -> Generator[None, None, None]:
    """A context that adds `path` to an OSError without a file name, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def replacing(path: str | Path) -> Generator[Path, None, None]:
    """A temporary file that becomes `path` on success and is deleted on error: readers never see half a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with named_in_errors(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise OSError, naming `path`, unless `replacing` could write it now. Makes its folder."""
    path = Path(path)
    probe = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def only_one(folder: Path) -> Generator[None, None, None]:
    """Hold the lock of `folder`; BlockingIOError if another process has it. The lock ends with the process.

    Some cluster file systems have no locks: then a warning is printed, and the folder is used without one. Windows has
    no such locks at all: ImportError.
    """
    import fcntl  # here, so that all but this works on Windows

    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
            print(f"{folder} cannot be locked: make sure that no other process uses it", file=sys.stderr, flush=True)
        yield
