"""What a training run tells: metrics to files at logging steps, and a progress bar that stays current in between.

With several processes the first one tells; all of them read the metrics, which are the same everywhere.
"""

import time
from pathlib import Path

import jax

from ebmjax.training import hosts
from ebmjax.training.metrics import MetricsWriter
from ebmjax.training.progress import ProgressBar
from ebmjax.types import Metrics

REFRESH_SECONDS = 2.0


class Recorder:
    """A context manager around the loop; the only place where metrics are read back from the device."""

    def __init__(self, folder: str | Path, title: str, num_steps: int, start_step: int, rollbacks: int = 0):
        """rollbacks: how often the run went back; every row says so from then on."""
        self.title = title
        self._writer = MetricsWriter(folder, start_step=start_step) if hosts.is_first() else None
        self._bar = ProgressBar(title, num_steps, start_step)
        self._rollbacks = {"num_rollbacks": float(rollbacks)} if rollbacks else {}
        self._logged = (time.monotonic(), start_step)
        self._shown = time.monotonic()

    def __enter__(self):
        if self._writer is not None:
            self._bar.__enter__()
        return self

    def __exit__(self, *exception):
        if self._writer is not None:
            self._bar.__exit__(*exception)
            self._writer.close()

    def record(self, step: int, metrics: Metrics) -> dict[str, float]:
        """Read the metrics, write one row, show them, and return them."""
        values = self._read(step, metrics)
        self._logged = (time.monotonic(), step)
        if self._writer is not None:
            self._writer.write(step, values)
            self._show(step, values)
        return values

    def show(self, step: int, metrics: Metrics) -> None:
        """Move the bar; every `REFRESH_SECONDS` also read the metrics, for a person who watches slow steps."""
        if self._writer is not None and time.monotonic() - self._shown > REFRESH_SECONDS:
            self._show(step, self._read(step, metrics))

    def _show(self, step, values):
        self._bar.update(step, values)
        self._shown = time.monotonic()

    def _read(self, step, metrics):
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        then, first = self._logged
        return values | self._rollbacks | {"steps_per_second": (step - first) / max(time.monotonic() - then, 1e-9)}
