"""Ctrl-C and SIGTERM: while training, stop at the end of the chunk with a checkpoint; at other times, at once."""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def stop_on_signal() -> Generator[Callable[[], bool], None, None]:
    """Within it, the first SIGINT or SIGTERM makes the yielded function return True, the second interrupts at once."""
    asked = []

    def handle(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        print("\nstopping at the end of this chunk (again: at once) ...", file=sys.stderr, flush=True)

    with handling(handle, signal.SIGINT, signal.SIGTERM):
        yield lambda: bool(asked)


@contextmanager
def terminate_like_ctrl_c() -> Generator[None, None, None]:
    """Within it SIGTERM raises KeyboardInterrupt, as Ctrl-C does, so that files are closed and a last line is said."""

    def handle(number, frame):
        raise KeyboardInterrupt

    with handling(handle, signal.SIGTERM):
        yield


@contextmanager
def handling(handle: Callable, *numbers: signal.Signals) -> Generator[None, None, None]:
    """Within it `handle(number, frame)` is called for these signals."""
    old = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
