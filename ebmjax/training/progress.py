"""The progress bar of a training run; plain lines without a terminal."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ebmjax.metrics import KINDS


def describe(metrics: dict[str, float]) -> str:
    """The labelled metrics in short form: gap -0.31  mse 0.021 ..."""
    shown = ((kind.label, value) for kind in KINDS if kind.label for k, value in metrics.items() if kind.matches(k))
    return "  ".join(f"{label} {value:.3g}" for label, value in shown)


class _Bar(Progress):
    """A bar with a second line for the metrics, so that they do not displace the step count and the time left."""

    line = "compiling ..."

    def get_renderables(self):
        yield self.make_tasks_table(self.tasks)
        yield Text(f"  {self.line}", overflow="ellipsis", no_wrap=True)


class ProgressBar:
    """A context manager; `update(step, metrics)` moves the bar, or prints a line at most every ten seconds."""

    def __init__(self, title: str, num_steps: int, *, stream=None):
        self._title, self._num_steps, self._last = title, num_steps, -1e9
        self._console = Console(file=stream or sys.stderr)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = _Bar(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task(title, total=num_steps)

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *exception):
        self._bar.stop()

    def begin(self, step: int) -> None:
        """Training starts, or goes on, from `step`."""
        self._bar.update(self._task, completed=step)

    def update(self, step: int, metrics: dict[str, float]) -> None:
        """Show `step` and its metrics."""
        self._bar.line = describe(metrics)
        self._bar.update(self._task, completed=step)
        due = step == self._num_steps or time.monotonic() - self._last > 10
        if not self._console.is_terminal and due:
            seconds = (self._num_steps - step) / max(metrics["steps_per_second"], 1e-9)
            left = f"  {seconds:.0f} s left" if self._last > 0 else ""  # the first rate includes compilation
            self._last = time.monotonic()
            line = f"{self._title}  step {step}/{self._num_steps}  {describe(metrics)}{left}"
            print(line, file=self._console.file, flush=True)
