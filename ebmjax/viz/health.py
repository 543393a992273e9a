"""Health of a training run: curves of its metrics in groups, and the correlations of contrastive learning."""

from collections.abc import Sequence
from numbers import Real
from pathlib import Path

import numpy as np

from ebmjax.diagnostics import LearningCorrelations, count_updates, learning_correlations
from ebmjax.metrics import KINDS, MetricKind
from ebmjax.viz import figures
from ebmjax.viz.backend import Axes

COLUMNS = 3


def plot_health(rows: Sequence[dict], path, title: str | None = None, max_other: int = 9) -> None:
    """Draw the scalar metrics of a run over its steps and write the figure as a PNG.

    Args:
        rows: one dict per logged step, each with "step"; metrics may be missing in some rows, and entries that are not
            scalars are ignored. Non-finite values and None become gaps, with a red cross below them.
        max_other: metrics without a panel in `ebmjax.metrics.KINDS` get one each, in alphabetical order, up to this
            number.

    Raises ValueError if a row has no "step", or no row has a scalar metric.
    """
    curves = _curves(rows)
    if not curves:
        raise ValueError(f"plot_health: no scalar metric in {len(rows)} rows; nothing to draw")
    panels, left_out = _panels(sorted(curves), max_other)
    num_rows = -(-len(panels) // COLUMNS)
    columns = min(COLUMNS, len(panels))
    figure, axes = figures.panels(num_rows, columns, 4.2 * columns, 2.6 * num_rows + 0.3)
    for axis, (kind, names) in zip(axes, panels):
        _draw(axis, kind, {name: curves[name] for name in names})
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if left_out:
        figure.supxlabel(f"not shown: {', '.join(left_out)}", fontsize=8, color="0.4")
    figures.save(figure, path, title)


def _curves(rows) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{metric: (steps, values)}, sorted by step."""
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


def _panels(names: Sequence[str], max_other: int) -> tuple[list[tuple[MetricKind, list[str]]], list[str]]:
    """(non-empty panels with the names of their metrics, then one per unknown metric; the names left out)."""
    panels: dict[str, tuple[MetricKind, list[str]]] = {}
    rest = list(names)
    for kind in KINDS:
        mine = [name for name in rest if kind.panel and kind.matches(name)]
        rest = [name for name in rest if name not in mine]
        if mine:
            panels.setdefault(kind.panel, (kind, []))[1].extend(mine)
    others = [(MetricKind(name, panel=name), [name]) for name in rest[:max_other]]
    return [*panels.values(), *others], rest[max_other:]


def _draw(axis: Axes, kind: MetricKind, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    bad_steps, positive = [], False
    for name, (steps, values) in curves.items():
        finite = np.isfinite(values)
        bad_steps.extend(steps[~finite])
        positive |= bool(np.any(values[finite] > 0))
        marker = "." if len(steps) <= 50 else None  # a line of one point is invisible
        axis.plot(steps, np.where(finite, values, np.nan), label=name, linewidth=1.2, marker=marker)
    if kind.log and positive:
        axis.set_yscale("log", nonpositive="mask")
    else:
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
        axis.yaxis.get_offset_text().set_fontsize(8)
    if kind.zero:
        axis.axhline(0.0, color="0.3", linewidth=0.8)
    if bad_steps:
        below = axis.get_xaxis_transform()
        axis.plot(bad_steps, np.zeros(len(bad_steps)), "x", color="red", transform=below, clip_on=False, markersize=5)
    axis.set_title(kind.panel, fontsize=10)
    axis.tick_params(which="both", labelsize=8)
    axis.grid(True, alpha=0.3)
    axis.set_xlabel("step", fontsize=8)
    if len(curves) > 1:
        axis.legend(fontsize=7, framealpha=0.6)


def plot_learning_dynamics(d_s, r_s, path: str | Path, *, title: str | None = None, max_lag: int = 15) -> None:
    """Series d_s, r_s `[N]` of the last N > max_lag + 1 training steps, above their correlations at short lags.

    Reference: the diagnostic plots of Nijkamp et al. 2020 (arXiv 1903.12370); see `diagnostics.learning_correlations`.
    """
    d_s, r_s = np.asarray(d_s), np.asarray(r_s)
    figure = figures.sheet(8, 7)
    axes = figure.subplot_mosaic([["d", "d", "d"], ["r", "r", "r"], ["signal", "gradient", "cross"]])
    steps = np.arange(-len(d_s), 0)
    expansions, contractions = (int(n) for n in count_updates(d_s))
    axes["d"].plot(steps, d_s, linewidth=0.5)
    axes["d"].axhline(0, color="black", linewidth=0.8)
    axes["d"].set_title(f"d_s: mean {d_s.mean():.3g}, {expansions} expansions (< 0), {contractions} contractions")
    axes["d"].set_ylabel("nats")
    axes["r"].plot(steps, r_s, linewidth=0.5, color="#b5541c")
    axes["r"].set_title(f"r_s: mean {r_s.mean():.3g}")
    axes["r"].set(ylabel="gradient norm", xlabel="steps before the end", ylim=(0, 1.15 * r_s.max()))
    _draw_correlations(axes, learning_correlations(d_s, r_s, max_lag))
    figures.save(figure, path, title, fontsize=13)


def _draw_correlations(axes, found: LearningCorrelations) -> None:
    titles = {"signal": "d_s with itself", "gradient": "r_s with itself", "cross": "d_s with r_s, lag steps earlier"}
    for name, title in titles.items():
        axis, values = axes[name], np.asarray(getattr(found, name))
        axis.vlines(found.lags, 0, np.nan_to_num(values), linewidth=2)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(xlabel="lag", ylim=(-1.05, 1.05))
        axis.set_title(title, fontsize=11)
    axes["signal"].set_ylabel("correlation")
