"""The divergence guard: compares logged metrics with their past, so that a broken run stops or rolls back.

A metric's running scale is the geometric mean of its past values, over about the last `MEMORY` logged ones. A geometric
mean hardly reacts to one outlier and lags behind a steady explosion: growth by 40 % from each logged value to the next
reaches a factor of 1000 over the scale, and is caught like a jump.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.metrics import kind_of
from ebmjax.types import PyTree

MEMORY = 20
PATIENCE = 5
"""Logged steps in a row without one accepted proposal before the guard stops the run: a step size that adapts may need
some."""


class Guard(NamedTuple):
    """Conditions of divergence, besides non-finite metrics or parameters. Kinds of metrics: `ebmjax.metrics.KINDS`.

    max_growth: a metric that `grows` exceeds this many times its running scale; > 1, or 0 for never.
    min_spread: a metric that `collapses` falls below this fraction of its running scale; in [0, 1), 0 for never.
    warmup: ≥ 1, logged values of a metric before it is checked; values of 0 do not count.
    max_rollbacks: ≥ 0, how often a run rolls back before it stops, if train.on_divergence = rollback.
    """

    max_growth: float = 1000.0
    min_spread: float = 0.001
    warmup: int = 10
    max_rollbacks: int = 3


Scales = dict[str, list]
"""{metric: [number of values, mean of log |value|]}, for one that `stalls` [number of zeros in a row, 0.0]: plain
numbers, kept in checkpoints so that resuming is exact."""


class Problem(NamedTuple):
    """A problem with a metric, which it names, and a remedy."""

    what: str
    remedy: str


class Diverged(Exception):
    """A run has diverged: one line with the step, the metric, the last healthy checkpoint and remedies."""

    def __init__(self, title: str, step: int, problems: list[Problem], *, healthy: int, saved: int, rollbacks: int):
        """healthy, saved: steps of the last healthy logging step and checkpoint. rollbacks: how many there were."""
        self.step, self.problems, self.rollbacks = step, problems, rollbacks
        what = ", ".join(problem.what for problem in problems)
        remedies = "; or ".join(dict.fromkeys(problem.remedy for problem in problems))
        kept = f"the last healthy checkpoint is of step {saved}" if saved else "there is no checkpoint yet"
        tried = f" after {rollbacks} rollbacks" if rollbacks else ""
        self.what = f"{title} diverged at step {step}{tried}: {what} (healthy at step {healthy}; {kept})"
        other = "" if rollbacks else ", or train.on_divergence=rollback"
        super().__init__(f"{self.what}; try {remedies} (docs/troubleshooting.md){other}")


NOT_FINITE = "a smaller step_size of the chains, a smaller learning rate, or more regularisation of the energy"
EXPLODING = (
    "a smaller learning rate, gradient clipping (clip_norm), more regularisation of the energy, or longer chains"
)
STALLED = (
    "a much smaller step_size of the chains; where num_nonfinite is above 0, the energy or its gradient is not finite"
)
COLLAPSED = "a higher temperature or fresh starts for the chains, or a smaller step_size"


def find_problems(guard: Guard, scales: Scales, values: dict[str, float]) -> list[Problem]:
    """Problems of the metrics of one logging step, given the running scales of the steps before it."""
    broken = [name for name, value in values.items() if not math.isfinite(value)]
    if broken:
        return [Problem(f"{', '.join(broken)} not finite", NOT_FINITE)]
    problems = []
    for name in (name for name, value in values.items() if kind_of(name).stalls and value == 0):
        if scales.get(name, (0, 0.0))[0] + 1 >= PATIENCE:
            found = f"the chains have rejected every proposal at {PATIENCE} logged steps in a row, {name} = 0"
            problems.append(Problem(found, STALLED))
    for name, (num, log_scale) in scales.items():
        value, scale = abs(values.get(name, math.nan)), math.exp(log_scale)
        if num < guard.warmup:
            continue
        if kind_of(name).grows and 0 < guard.max_growth * scale < value:
            found = f"{name} = {values[name]:.3g} is over {guard.max_growth:g} times its usual {scale:.3g}"
            problems.append(Problem(found, EXPLODING))
        if kind_of(name).collapses and value < guard.min_spread * scale:
            found = f"{name} = {value:.3g} is under {guard.min_spread:g} times its usual {scale:.3g}"
            problems.append(Problem(f"the chains have collapsed, {found}", COLLAPSED))
    return problems


def updated(scales: Scales, values: dict[str, float]) -> Scales:
    """The running scales updated with the metrics of one healthy logging step. Values of 0 are ignored."""
    new = dict(scales)
    for name, value in values.items():
        kind = kind_of(name)
        if kind.stalls:
            new[name] = [scales.get(name, (0, 0.0))[0] + 1 if value == 0 else 0, 0.0]
        elif value != 0 and (kind.grows or kind.collapses):
            num, mean = scales.get(name, (0, 0.0))
            weight = max(1 / (num + 1), 1 / MEMORY)
            new[name] = [num + 1, mean + weight * (math.log(max(abs(value), kind.floor)) - mean)]
    return new


def broken_params(params: dict[str, PyTree]) -> list[Problem]:
    """A problem for each parameter group with a non-finite value; reads all parameters back to the host."""
    floats = lambda group: (a for a in jax.tree.leaves(group) if jnp.issubdtype(a.dtype, jnp.floating))
    broken = [
        name for name, group in params.items() if not all(np.isfinite(np.asarray(a)).all() for a in floats(group))
    ]
    return [Problem(f"parameters of {name} not finite", NOT_FINITE) for name in broken]
