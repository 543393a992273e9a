"""The health of contrastive learning: the two series d_s and r_s, and how they depend on their past."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ebmjax.diagnostics import LearningCorrelations, count_updates, learning_correlations
from ebmjax.viz.pictures import replacing


def plot_learning(d_s, r_s, path: str | Path, *, title: str | None = None, max_lag: int = 15) -> None:
    """Series d_s, r_s `[N]` of the last N > max_lag + 1 training steps, above their correlations at short lags.

    Reference: the diagnostic plots of Nijkamp et al. 2020 (arXiv 1903.12370); see `diagnostics.learning_correlations`.
    """
    d_s, r_s = np.asarray(d_s), np.asarray(r_s)
    figure = Figure(figsize=(8, 7), layout="constrained")
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
    if title:
        figure.suptitle(title, fontsize=13)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _draw_correlations(axes, found: LearningCorrelations) -> None:
    titles = {"signal": "d_s with itself", "gradient": "r_s with itself", "cross": "d_s with later r_s"}
    for name, title in titles.items():
        axis, values = axes[name], np.asarray(getattr(found, name))
        axis.vlines(found.lags, 0, np.nan_to_num(values), linewidth=2)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(xlabel="lag", ylim=(-1.05, 1.05))
        axis.set_title(title, fontsize=11)
    axes["signal"].set_ylabel("correlation")
