"""Files of training metrics: metrics.jsonl, one JSON object per line, and TensorBoard events."""

import json
import math
import os
import time
from pathlib import Path
from typing import Protocol

from ebmjax.files import named_in_errors, write_atomically


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a metrics.jsonl up to the first invalid line (the last may be cut off); [] if there is no file."""
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
    """Number of times the run in a folder rolled back to a checkpoint after diverging."""
    rows = read_rows(Path(folder) / "metrics.jsonl")
    return int(rows[-1].get("num_rollbacks", 0)) if rows else 0


class Writer(Protocol):
    """A destination of logged metrics. Raises OSError immediately, with the file's name."""

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add the metrics of one step."""
        ...

    def close(self) -> None:
        """Finish; nothing is written afterwards."""
        ...


class MetricsWriter:
    """Writes the metrics of a run to metrics.jsonl and, if `tensorboard`, to an event file."""

    def __init__(self, folder: str | Path, *, start_step: int = 0, tensorboard: bool = True):
        """start_step: where training (re)starts; rows that an interrupted run logged after it are dropped."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        self._writers: list[Writer] = [JsonLines(self.path, start_step)]
        if tensorboard:
            self._writers.append(TensorBoard(folder / "tensorboard", start_step))

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add the metrics of one step."""
        for writer in self._writers:
            writer.write(step, metrics)

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers:
            writer.close()


class JsonLines:
    """A file with one JSON object for each step. Non-finite values become null, which every JSON reader accepts."""

    def __init__(self, path: Path, start_step: int):
        """start_step: rows after it are dropped."""
        self._path = path
        kept = [row for row in read_rows(path) if row["step"] <= start_step]
        write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept))

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add one row."""
        row = {"step": step} | {k: (v if math.isfinite(v) else None) for k, v in metrics.items()}
        with named_in_errors(self._path), self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Nothing to close: the file is opened for each row."""


class TensorBoard:
    """A TensorBoard event file, written in the calling thread."""

    # tensorboardX's own SummaryWriter passes events to a thread through a bounded queue: after that thread has failed
    # on a full disk, the next call never returns.

    def __init__(self, folder: Path, start_step: int):
        """start_step: later events in the same folder are discarded."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.writer import Event, SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # The library names files by the second; two sessions may start within the same one.
        self._file = EventsWriter(str(folder / "events"), f".{os.getpid()}.{time.monotonic_ns()}")
        self._event = Event
        self._add(start_step + 1, session_log=SessionLog(status=SessionLog.SessionStatus.START))

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add the scalars of one step."""
        from tensorboardX.summary import scalar

        with named_in_errors(self._folder):
            for name, value in metrics.items():
                self._add(step, summary=scalar(name, value))
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, step, **content):
        self._file.write_event(self._event(wall_time=time.time(), step=step, **content))
