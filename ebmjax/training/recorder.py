"""Recording of a training run: metrics to files at logging steps, the divergence guard, and the progress bar.

With several processes only the first one writes; all of them read the metrics, which are the same everywhere.
"""

import time
from pathlib import Path
from typing import NamedTuple

import jax

from ebmjax.training import devices, hosts
from ebmjax.training.guard import Diverged, Scales, broken_params, find_problems, updated
from ebmjax.training.metrics import MetricsWriter
from ebmjax.training.progress import ProgressBar
from ebmjax.training.settings import Settings
from ebmjax.types import Metrics, PyTree, State

REFRESH_SECONDS = 2.0


class Start(NamedTuple):
    """The state from which training starts or resumes: a checkpoint, or step 0.

    seconds: of training so far. scales: of the guard. rollbacks: number of rollbacks so far.
    """

    step: int
    state: State
    seconds: float
    scales: Scales
    rollbacks: int


class Recorder:
    """A context manager around the loop; the only place where metrics are read back from the device.

    scales: of the guard, at the last logging step. saved: step of the last checkpoint, which the loop keeps current.
    """

    def __init__(self, folder: str | Path, title: str, settings: Settings):
        """title: of the training. settings: logging intervals, and the guard's."""
        self._folder, self._title, self._settings = folder, title, settings
        self._writer: MetricsWriter | None = None
        self._bar = ProgressBar(title, settings.num_steps)

    def __enter__(self):
        if hosts.is_first():
            self._bar.__enter__()
        return self

    def __exit__(self, *exception):
        if self._writer is not None:
            self._writer.close()
        if hosts.is_first():
            self._bar.__exit__(*exception)

    def begin(self, start: Start) -> None:
        """Record from `start` on; later rows, from before an interruption or a rollback, are dropped."""
        if self._writer is not None:
            self._writer.close()
        if hosts.is_first():
            self._writer = MetricsWriter(self._folder, start_step=start.step)
        self._bar.begin(start.step)
        self.scales, self._rollbacks = start.scales, start.rollbacks
        self.saved = self._healthy = start.step
        self._counts: Metrics = {}
        self._logged = time.monotonic(), start.step
        self._shown = time.monotonic()

    def record(self, step: int, metrics: Metrics, params: dict[str, PyTree] | None) -> Diverged | None:
        """Write a row if one is due, else move the bar. Returns the error if the metrics or `params` show divergence.

        params: given at checkpoints, where a row is always due. Counts, num_..., are summed between rows.
        """
        settings = self._settings
        counts = {k: value + self._counts.get(k, 0) for k, value in metrics.items() if k.startswith("num_")}
        log = crossed(step, settings.log_every, settings.steps_per_dispatch)
        if params is None and not log:
            self._counts = counts
            # Metrics are also read every `REFRESH_SECONDS`, so that the bar is current even with slow steps.
            if self._writer is not None and time.monotonic() - self._shown > REFRESH_SECONDS:
                self._show(step, self._read(step, metrics | counts))
            return None
        self._counts, values = {}, self._read(step, metrics | counts)
        self._logged = time.monotonic(), step
        if self._writer is not None:
            self._writer.write(step, values)
            self._show(step, values)
        problems = find_problems(settings.guard, self.scales, values)
        if log and not problems:  # not at a stop by a signal, so that a resumed run has the same scales
            self.scales = updated(self.scales, values)
        if params is not None and not problems:
            problems = broken_params(devices.local(params))
        if problems:
            kept = {"healthy": self._healthy, "saved": self.saved, "rollbacks": self._rollbacks}
            return Diverged(self._title, step, problems, **kept)
        self._healthy = step
        return None

    def _show(self, step, values):
        self._bar.update(step, values)
        self._shown = time.monotonic()

    def _read(self, step, metrics) -> dict[str, float]:
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        then, first = self._logged
        rolled = {"num_rollbacks": float(self._rollbacks)} if self._rollbacks else {}
        return values | rolled | {"steps_per_second": (step - first) / max(time.monotonic() - then, 1e-9)}


def crossed(step: int, every: int, chunk: int) -> bool:
    """Whether a multiple of `every` lies in (step - chunk, step]."""
    return every > 0 and step // every > (step - chunk) // every
