"""The progress bar: what a person watches while a run trains; plain lines where there is no terminal."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN = {
    "energy_gap": "gap",
    "reconstruction_mse": "mse",
    "grad_norm_energy": "|∇E|",
    "grad_norm_generator": "|∇g|",
    "steps_per_second": "steps/s",
}


def describe(metrics: dict[str, float]) -> str:
    """The metrics worth a glance, shortly: gap -0.31  mse 0.021 ..."""
    return "  ".join(f"{label} {metrics[name]:.3g}" for name, label in SHOWN.items() if name in metrics)


class ProgressBar:
    """A context manager; `update(step, metrics)` moves the bar, or prints a line at most every ten seconds."""

    def __init__(self, title: str, num_steps: int, start_step: int = 0, *, stream=None):
        self._title, self._num_steps, self._last = title, num_steps, -1e9
        self._console = Console(file=stream or sys.stderr)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=num_steps, completed=start_step, metrics="compiling ...")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *exception):
        self._bar.stop()

    def update(self, step: int, metrics: dict[str, float] | None = None) -> None:
        """Show `step`, and the newest metrics if any were read."""
        self._bar.update(self._task, completed=step)
        if metrics is not None:
            self._bar.update(self._task, metrics=describe(metrics))
        due = step == self._num_steps or time.monotonic() - self._last > 10
        if not self._console.is_terminal and metrics is not None and due:
            self._last = time.monotonic()
            print(
                f"{self._title}  step {step}/{self._num_steps}  {describe(metrics)}",
                file=self._console.file,
                flush=True,
            )
