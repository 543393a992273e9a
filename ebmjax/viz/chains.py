"""Pictures of chains: traces, autocorrelation, and where the draws lie."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing


def plot_traces(arms: dict[str, np.ndarray], path: str | Path, *, coordinate: int = 0, num_chains: int = 4) -> None:
    """One coordinate of the first chains against the step, a panel for each arm: {name: [num_steps, num_chains, d]}."""
    figure = Figure(figsize=(9, 2.4 * len(arms)), layout="constrained")
    for axes, (name, x) in zip(_panels(figure, len(arms), 1), arms.items()):
        axes.plot(x[:, :num_chains, coordinate], linewidth=0.6)
        axes.set(title=f"{name}: coordinate {coordinate} of {min(num_chains, x.shape[1])} chains", xlabel="step")
    _save(figure, path)


def plot_autocorrelation(arms: dict[str, np.ndarray], path: str | Path, *, max_lag: int = 100) -> None:
    """Autocorrelation `[num_lags, d]` of every coordinate (averaged over chains), a panel for each arm."""
    figure = Figure(figsize=(4.5 * len(arms), 3.2), layout="constrained")
    for axes, (name, rho) in zip(_panels(figure, 1, len(arms)), arms.items()):
        axes.plot(rho[: max_lag + 1, :20], linewidth=0.8)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set(title=name, xlabel="lag", ylabel="autocorrelation", ylim=(-0.3, 1.05))
    _save(figure, path)


def plot_density(arms: dict[str, np.ndarray], path: str | Path, *, coordinates: tuple[int, int] = (0, 1)) -> None:
    """Histograms of two coordinates of draws `[N, d]` on common axes, a panel for each arm; give the exact draws last.

    The axes span the central 99 % of the last arm.
    """
    i, j = coordinates
    last = list(arms.values())[-1]
    limits = [np.quantile(last[:, k], [0.005, 0.995]) for k in coordinates]
    figure = Figure(figsize=(4 * len(arms), 3.8), layout="constrained")
    for axes, (name, x) in zip(_panels(figure, 1, len(arms)), arms.items()):
        counts, *edges = np.histogram2d(x[:, i], x[:, j], bins=80, range=limits, density=True)
        axes.pcolormesh(*edges, np.log1p(counts).T, cmap="viridis", rasterized=True)
        axes.set(title=name, xlabel=f"coordinate {i}", ylabel=f"coordinate {j}")
    _save(figure, path)


def _panels(figure: Figure, rows: int, columns: int):
    return np.ravel(figure.subplots(rows, columns, squeeze=False))


def _save(figure: Figure, path: str | Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
