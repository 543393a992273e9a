"""Kinds of metrics that training reports: their panels and labels, and their rules for the divergence guard."""

from fnmatch import fnmatch
from typing import Any, NamedTuple


class MetricKind(NamedTuple):
    """Properties of the metrics whose names match `pattern`, a shell pattern; the other fields are optional.

    panel: title of their panel in health.png; kinds of equal title share one; "" gives each metric its own.
    log, zero: the panel's axis is logarithmic; the axis includes zero.
    label: a short name for the line under the progress bar; "" if not shown there.
    grows: the guard stops a run if such a metric exceeds `max_growth` times its usual size.
    floor: lower bound of values in the usual size, for metrics that pass through 0.
    collapses: the guard stops a run if such a metric falls below `min_spread` times its usual size.
    stalls: the guard stops a run if such a metric is 0 several times in a row.
    """

    pattern: str
    panel: str = ""
    log: bool = False
    zero: bool = False
    label: str = ""
    grows: bool = False
    floor: float = 0.0
    collapses: bool = False
    stalls: bool = False

    def matches(self, name: str) -> bool:
        """Whether a metric of that name is of this kind."""
        return fnmatch(name, self.pattern)


KINDS = (
    MetricKind("energy_gap", "energy gap, E(pos) - E(neg)", zero=True, label="gap", grows=True, floor=1.0),
    MetricKind("energy_pos", "energy"),
    MetricKind("energy_neg", "energy"),
    MetricKind("reconstruction_mse", "reconstruction error per entry", log=True, label="mse"),
    MetricKind("grad_norm_*", "gradient norm of the parameters", log=True, grows=True),
    MetricKind("grad_norm_energy", label="|∇E|"),
    MetricKind("grad_norm_generator", label="|∇g|"),
    MetricKind("*_grad_norm", "energy gradient along the chains", log=True, grows=True),
    MetricKind("r_s", grows=True),  # the mean gradient norm along the chains, of `diagnostics.learning_correlations`
    MetricKind("*_spread", collapses=True),  # <chain>_spread: the standard deviation over the chains, `pytree.spread`
    MetricKind(
        "*acceptance*", "acceptance of the chains' proposals", zero=True, stalls=True
    ),  # `methods.base.acceptance`
    MetricKind("num_nonfinite", "non-finite proposals", zero=True),
    MetricKind("steps_per_second", "steps per second", zero=True, label="steps/s"),
    MetricKind("learning_rate*", "learning rate", zero=True),
)
"""The kinds of metrics, in the order of the panels and of the progress line.

To add a kind, add a row or set a field of an existing one; `training.guard`, `training.progress` and `viz.health` use
only this table. A metric that matches no row is logged, and drawn in its own panel. A metric that matches several rows
combines them (see `kind_of`), and is drawn in the first of their panels.
"""


def kind_of(name: str) -> MetricKind:
    """The rows of `KINDS` that match a metric's name, combined: for each field the first row that sets it."""
    fields: dict[str, Any] = {"pattern": name}
    for kind in KINDS:
        if kind.matches(name):
            fields = {field: value for field, value in kind._asdict().items() if value} | fields
    return MetricKind(**fields)
