"""Curves of a run's metrics, grouped so that an energy-based model's usual troubles show at a glance."""

from collections.abc import Sequence
from fnmatch import fnmatch
from numbers import Real
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing

COLUMNS = 3


class Panel(NamedTuple):
    """A title, the metrics drawn under it (shell patterns), and whether the axis is logarithmic or shows zero."""

    title: str
    patterns: tuple[str, ...]
    log: bool = False
    zero: bool = False


PANELS = (
    Panel("energy gap, E(pos) - E(neg)", ("energy_gap",), zero=True),
    Panel("energy", ("energy_pos", "energy_neg")),
    Panel("reconstruction error per entry", ("reconstruction_mse",), log=True),
    Panel("gradient norm of the parameters", ("grad_norm_*",), log=True),
    Panel("energy gradient along the chains", ("*_grad_norm",), log=True),
    Panel("non-finite proposals", ("num_nonfinite",), zero=True),
    Panel("steps per second", ("steps_per_second",), zero=True),
    Panel("learning rate", ("learning_rate*",), zero=True),
)


def plot_health(rows: Sequence[dict], path, title: str | None = None, max_other: int = 9) -> None:
    """Draw the scalar metrics of a run over its steps and write the figure as a PNG.

    Args:
        rows: one dict per logged step, each with "step"; metrics may be missing in some rows, other than scalars are
            ignored. Non-finite values (None counts as one) become gaps, with a red cross below them.
        max_other: metrics that belong to no panel of `PANELS` get one each, in alphabetical order, up to this many.

    Raises ValueError if a row has no "step", or no row has a scalar metric.
    """
    curves = _curves(rows)
    if not curves:
        raise ValueError(f"plot_health: no scalar metric in {len(rows)} rows; nothing to draw")
    panels, left_out = _panels(sorted(curves), max_other)
    num_rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(4.2 * min(COLUMNS, len(panels)), 2.6 * num_rows + 0.3), layout="constrained", dpi=110)
    axes = figure.subplots(num_rows, min(COLUMNS, len(panels)), squeeze=False).ravel()
    for axis, (panel, names) in zip(axes, panels, strict=False):
        _draw(axis, panel, {name: curves[name] for name in names})
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=12)
    if left_out:
        figure.supxlabel(f"not shown: {', '.join(left_out)}", fontsize=8, color="0.4")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _curves(rows) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{metric: (steps, values)}, by increasing step."""
    if any("step" not in row for row in rows):
        raise ValueError('plot_health: every row of metrics needs a "step"')
    points: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda row: float(row["step"])):
        for name, value in row.items():
            if name != "step" and _is_scalar(value):
                points.setdefault(name, []).append((float(row["step"]), np.nan if value is None else float(value)))
    return {name: tuple(np.array(pairs).T) for name, pairs in points.items()}


def _is_scalar(value) -> bool:
    """A number, a 0-dimensional array of one, or None: strict JSON's way to write NaN."""
    return value is None or isinstance(value, Real) or (np.shape(value) == () and hasattr(value, "dtype"))


def _panels(names: Sequence[str], max_other: int) -> tuple[list[tuple[Panel, list[str]]], list[str]]:
    """Panels that have metrics, with their names, then one per unknown metric; and the names that found no room."""
    panels, rest = [], list(names)
    for panel in PANELS:
        mine = [name for pattern in panel.patterns for name in rest if fnmatch(name, pattern)]
        rest = [name for name in rest if name not in mine]
        if mine:
            panels.append((panel, mine))
    return panels + [(Panel(name, (name,)), [name]) for name in rest[:max_other]], rest[max_other:]


def _draw(axis: Axes, panel: Panel, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    bad_steps, positive = [], False
    for name, (steps, values) in curves.items():
        finite = np.isfinite(values)
        bad_steps.extend(steps[~finite])
        positive |= bool(np.any(values[finite] > 0))
        marker = "." if len(steps) <= 50 else None  # a line through one point is invisible
        axis.plot(steps, np.where(finite, values, np.nan), label=name, linewidth=1.2, marker=marker)
    if panel.log and positive:
        axis.set_yscale("log", nonpositive="mask")
    else:
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
        axis.yaxis.get_offset_text().set_fontsize(8)
    if panel.zero:
        axis.axhline(0.0, color="0.3", linewidth=0.8)
    if bad_steps:
        below = axis.get_xaxis_transform()
        axis.plot(bad_steps, np.zeros(len(bad_steps)), "x", color="red", transform=below, clip_on=False, markersize=5)
    axis.set_title(panel.title, fontsize=10)
    axis.tick_params(which="both", labelsize=8)
    axis.grid(True, alpha=0.3)
    axis.set_xlabel("step", fontsize=8)
    if len(curves) > 1:
        axis.legend(fontsize=7, framealpha=0.6)
