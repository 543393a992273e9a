"""What a run writes while it trains: metrics.jsonl, one JSON object a line, and TensorBoard events."""

import json
import math
from pathlib import Path

from ebmjax.training.files import write_atomically


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a metrics.jsonl; a last line that was cut off is left out. No file: no rows."""
    rows = []
    if Path(path).exists():
        for line in Path(path).read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows


class MetricsWriter:
    """Appends rows to metrics.jsonl and, if `tensorboard`, to an event file beside it."""

    def __init__(self, folder: str | Path, *, start_step: int = 0, tensorboard: bool = True):
        """start_step: where training (re)starts; rows after it, of a run that was cut off, are dropped."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        kept = [row for row in read_rows(self.path) if row["step"] <= start_step]
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self._events = None
        if tensorboard:
            from tensorboardX import SummaryWriter

            # Events after the restart replace those of a cut-off run with the same steps.
            self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=start_step + 1, write_to_disk=True)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Add one row. Non-finite values are written as null, which every JSON reader accepts."""
        row = {"step": step} | {k: (v if math.isfinite(v) else None) for k, v in metrics.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self._events is not None:
            for name, value in metrics.items():
                self._events.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush the event file."""
        if self._events is not None:
            self._events.close()
