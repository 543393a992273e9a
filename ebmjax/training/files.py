"""Writing so that a crash leaves the old file or the new one, and one process at a time in a work directory."""

import errno
import fcntl
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def naming(path: Path) -> Generator[None, None, None]:
    """Within it an OSError names `path`, if it names no file: a disk that is full does not say what it was full for."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path):
            temporary.write_text(text)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Generator[None, None, None]:
    """Hold the lock of `folder`; BlockingIOError if another process has it. The lock ends with the process.

    Some cluster file systems have no locks: a line says so, and the folder is used without.
    """
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
            print(f"{folder} cannot be locked: see that no other process works there", file=sys.stderr, flush=True)
        yield
