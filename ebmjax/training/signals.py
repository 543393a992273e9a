"""Ctrl-C and SIGTERM: during training, stop with a checkpoint at the end of the chunk; at other times, immediately."""

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def stop_on_signal() -> Generator[Callable[[], bool], None, None]:
    """A context in which the first SIGINT or SIGTERM makes the yielded function return True; the second interrupts."""
    asked = []

    def handle(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        print("\nstopping at the end of this chunk (again: at once) ...", file=sys.stderr, flush=True)

    with signal_handler(handle, signal.SIGINT, signal.SIGTERM):
        yield lambda: bool(asked)


@contextmanager
def terminate_like_ctrl_c() -> Generator[None, None, None]:
    """A context in which SIGTERM raises KeyboardInterrupt like Ctrl-C, so that files are closed and a line printed."""

    def handle(number, frame):
        raise KeyboardInterrupt

    with signal_handler(handle, signal.SIGTERM):
        yield


@contextmanager
def signal_handler(handle: Callable, *numbers: signal.Signals) -> Generator[None, None, None]:
    """A context in which `handle(number, frame)` is called for these signals.

    Python allows handlers in the main thread alone. In another thread signals are left as they are: to stop its work is
    the main thread's business.
    """
    if threading.current_thread() is not threading.main_thread():
        numbers = ()
    old = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
