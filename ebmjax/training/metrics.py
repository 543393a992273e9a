"""What a run writes while it trains: metrics.jsonl, one JSON object a line, and TensorBoard events."""

import json
import math
import os
import time
from pathlib import Path

from ebmjax.training.files import naming, write_atomically


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a metrics.jsonl up to the first line that is none (the last may be cut off). No file: no rows."""
    rows = []
    if Path(path).exists():
        for line in Path(path).read_text(errors="replace").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                break
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                break
            rows.append(row)
    return rows


def rollbacks_of(folder: str | Path) -> int:
    """How often the run in a folder went back to a checkpoint because it had diverged."""
    rows = read_rows(Path(folder) / "metrics.jsonl")
    return int(rows[-1].get("num_rollbacks", 0)) if rows else 0


class MetricsWriter:
    """Appends rows to metrics.jsonl and, if `tensorboard`, to an event file beside it. Errors are OSError, at once."""

    def __init__(self, folder: str | Path, *, start_step: int = 0, tensorboard: bool = True):
        """start_step: where training (re)starts; rows after it, of a run that was cut off, are dropped."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        kept = [row for row in read_rows(self.path) if row["step"] <= start_step]
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self._events = Events(folder / "tensorboard", start_step) if tensorboard else None

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add one row. Non-finite values are written as null, which every JSON reader accepts."""
        row = {"step": step} | {k: (v if math.isfinite(v) else None) for k, v in metrics.items()}
        with naming(self.path), self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self._events is not None:
            with naming(self.path.with_name("tensorboard")):
                self._events.write(step, metrics)

    def close(self) -> None:
        """Close the event file."""
        if self._events is not None:
            self._events.close()


class Events:
    """A TensorBoard event file, written by whoever calls.

    tensorboardX's own SummaryWriter hands events to a thread through a bounded queue: once that thread has met a full
    disk, the next call waits for ever.
    """

    def __init__(self, folder: Path, start_step: int):
        """start_step: events of the same folder after it count no more."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.writer import Event, SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        # The library names files by the second, and two sessions may start within one.
        self._writer = EventsWriter(str(folder / "events"), f".{os.getpid()}.{time.monotonic_ns()}")
        self._event = Event
        restart = SessionLog(status=SessionLog.SessionStatus.START)
        self._add(start_step + 1, session_log=restart)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add the scalars of one step."""
        from tensorboardX.summary import scalar

        for name, value in metrics.items():
            self._add(step, summary=scalar(name, value))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _add(self, step, **content):
        self._writer.write_event(self._event(wall_time=time.time(), step=step, **content))
