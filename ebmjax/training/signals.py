"""Ctrl-C and SIGTERM while training: stop at the end of the chunk, with a checkpoint."""

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

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
