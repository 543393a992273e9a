"""Curves over the step size of a chain, and the step sizes that were picked."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ebmjax.viz.pictures import replacing


def plot_step_sizes(
    step_sizes: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    picked: Mapping[str, float],
    path,
    title: str | None = None,
) -> None:
    """One panel per curve `[N]` over the step sizes `[N]` > 0 (logarithmic), with a line at each picked step size.

    Values are cut at ten times the range between a curve's best and its median, so that poles do not hide the rest.
    """
    figure = Figure(figsize=(4.2 * len(curves), 3.4), layout="constrained", dpi=110)
    for axis, (name, values) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        values = np.asarray(values, float)
        finite = values[np.isfinite(values)]
        axis.plot(step_sizes, values, "o-", color="C0", markersize=3)
        if finite.size:
            low, middle = finite.min(), np.median(finite)
            axis.set_ylim(top=min(finite.max(), low + 10 * (middle - low)) + 0.05 * (middle - low))
        for i, (label, step_size) in enumerate(picked.items(), start=1):
            axis.axvline(step_size, color=f"C{i}", linestyle="--", label=f"{label}: {step_size:.3g}")
        axis.set(xscale="log", xlabel="step size", title=name)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.legend(fontsize=8, framealpha=0.5)
    if title:
        figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
