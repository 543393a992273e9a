"""Pictures of estimators: their errors against the number of draws."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ebmjax.viz import figures


def plot_bias_and_spread(
    num_draws: np.ndarray,
    panels: Mapping[str, Mapping[str, np.ndarray]],
    path: str | Path,
    title: str | None = None,
) -> None:
    """One panel per entry {label of the axis: {name: values `[N]` over num_draws `[N]`}}, the latter logarithmic."""
    figure, axes = figures.panels(1, len(panels), 4.2 * len(panels), 3.6)
    for axis, (label, curves) in zip(axes, panels.items()):
        for i, (name, values) in enumerate(curves.items()):
            # Arms that do not depend on the number of draws are lines.
            style = "--" if np.ptp(values) == 0 else "o-"
            axis.plot(num_draws, values, style, color=f"C{i}", markersize=4, label=name)
        axis.set(xscale="log", xlabel="draws", ylabel=label)
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
        axis.grid(True, alpha=0.3)
    axes[0].legend(fontsize=8, framealpha=0.6)
    figures.save(figure, path, title)
