"""Pictures of chains: traces, ranks, autocorrelation, ESS, densities of draws, images on the way, step sizes."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import ess_bulk, ess_tail
from ebmjax.diagnostics.draws import average_ranks
from ebmjax.viz import figures, pictures
from ebmjax.viz.backend import NullFormatter


def plot_traces(arms: dict[str, np.ndarray], path: str | Path, *, coordinate: int = 0, num_chains: int = 4) -> None:
    """One coordinate of the first chains against the step, a panel for each arm: {name: [num_steps, num_chains, d]}."""
    figure, axes = figures.panels(len(arms), 1, 9, 2.4 * len(arms))
    for axis, (name, x) in zip(axes, arms.items()):
        axis.plot(x[:, :num_chains, coordinate], linewidth=0.6)
        axis.set(title=f"{name}: coordinate {coordinate} of {min(num_chains, x.shape[1])} chains", xlabel="step")
    figures.save(figure, path)


def plot_autocorrelation(arms: dict[str, np.ndarray], path: str | Path, *, max_lag: int = 100) -> None:
    """Autocorrelation `[num_lags, d]` of every coordinate (averaged over chains), a panel for each arm."""
    figure, axes = figures.panels(1, len(arms), 4.5 * len(arms), 3.2)
    for axis, (name, rho) in zip(axes, arms.items()):
        axis.plot(rho[: max_lag + 1, :20], linewidth=0.8)
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set(title=name, xlabel="lag", ylabel="autocorrelation", ylim=(-0.3, 1.05))
    figures.save(figure, path)


def plot_ranks(arms: dict[str, np.ndarray], path: str | Path, *, coordinate: int = 0, num_chains: int = 4) -> None:
    """Histograms of the ranks that the draws of each of the first chains have among all of them, a panel for each chain
    and a row for each arm: {name: [num_steps, num_chains, d]}. Of chains that agree all are flat, up to the band, which
    holds .95 of the bars of independent draws.

    Reference: Vehtari et al. 2021 (arXiv 1903.08008), rank plots.
    """
    columns = min(num_chains, *(x.shape[1] for x in arms.values()))
    figure, axes = figures.panels(len(arms), columns, 2.6 * columns, 2.2 * len(arms), sharex="row", sharey="row")
    for row, (name, x) in zip(axes.reshape(len(arms), columns), arms.items()):
        draws = x[:, :, coordinate]
        ranks = np.asarray(average_ranks(jnp.asarray(draws.ravel()))).reshape(draws.shape)
        bins = int(np.clip(len(draws) // 25, 2, 20))
        spread = 1.96 * np.sqrt(len(draws) / bins * (1 - 1 / bins))
        for chain, axis in enumerate(row):
            axis.hist((ranks[:, chain] - 0.5) / draws.size, bins=bins, range=(0, 1), color=f"C{chain}", alpha=0.7)
            axis.axhspan(len(draws) / bins - spread, len(draws) / bins + spread, color="black", alpha=0.15, linewidth=0)
            axis.set(title=f"{name}: chain {chain}", xlabel=f"rank of coordinate {coordinate}", yticks=[])
            axis.title.set_fontsize(9)
    figures.save(figure, path)


def plot_ess_evolution(arms: dict[str, np.ndarray], path: str | Path, *, coordinate: int = 0, points: int = 5) -> None:
    """Bulk and tail ESS of one coordinate from the first steps alone, against their number, a panel for each arm:
    {name: [num_steps >= 4, num_chains, d]}. Of chains that mix both grow in proportion; the line is at 400 draws."""
    both = jax.jit(lambda x: (ess_bulk(x), ess_tail(x)))
    figure, axes = figures.panels(1, len(arms), 4.5 * len(arms), 3.2)
    for axis, (name, x) in zip(axes, arms.items()):
        steps = [num for num in (len(x) * (i + 1) // points for i in range(points)) if num >= 4]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the first steps may be fewer than the chains
            values = [both(x[:num, :, coordinate]) for num in steps]
        for label, ess in zip(("bulk", "tail"), np.asarray(values).T):
            axis.plot([0, *steps], [0, *ess], "o-", markersize=3, label=label)
        axis.axhline(400, color="black", linestyle="--", linewidth=0.8)
        axis.set(title=f"{name}: coordinate {coordinate}", xlabel="steps", ylabel="ESS", ylim=(0, None))
        axis.legend(fontsize=8)
    figures.save(figure, path)


def plot_density(arms: dict[str, np.ndarray], path: str | Path, *, coordinates: tuple[int, int] = (0, 1)) -> None:
    """Histograms of two coordinates of draws `[N, d]` on common axes, a panel for each arm; pass the exact draws last.

    The axes span the central 99 % of the last arm.
    """
    i, j = coordinates
    last = list(arms.values())[-1]
    limits = [np.quantile(last[:, k], [0.005, 0.995]) for k in coordinates]
    figure, axes = figures.panels(1, len(arms), 4 * len(arms), 3.8)
    for axis, (name, x) in zip(axes, arms.items()):
        counts, *edges = np.histogram2d(x[:, i], x[:, j], bins=80, range=limits, density=True)
        axis.pcolormesh(*edges, np.log1p(counts).T, cmap="viridis", rasterized=True)
        axis.set(title=name, xlabel=f"coordinate {i}", ylabel=f"coordinate {j}")
    figures.save(figure, path)


def plot_transition(
    images: np.ndarray,
    every: int,
    energies: np.ndarray,
    path: str | Path,
    *,
    num_trained: int,
    title: str | None = None,
) -> None:
    """Images along chains, a row for each, above the energies of chains against the step.

    images: `[chains, points, H, W, C]` in [-1, 1], at steps 0, every, 2 every ... energies: `[num_steps, chains]`;
    chain 0 is the first row. num_trained: length of the chain in training, marked by a line.
    """
    rows, points = images.shape[:2]
    grid = pictures.image_grid(images.reshape(-1, *images.shape[2:]), columns=points)
    edges = -every / 2, (points - 0.5) * every  # each image is centred above its step
    width = min(max(0.5 * points, 8), 16)
    height = width * grid.shape[0] / grid.shape[1]
    figure = figures.sheet(width, height + 3)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(height, 2.5))
    top.imshow(np.broadcast_to(grid, (*grid.shape[:2], 3)), extent=(*edges, 0, rows), aspect="auto")
    top.set_axis_off()
    steps = np.arange(1, len(energies) + 1)
    bottom.plot(steps, energies[:, :rows], linewidth=0.4, alpha=0.6)
    bottom.plot(steps, energies.mean(1), color="black", linewidth=1, label=f"mean of {energies.shape[1]} chains")
    bottom.axvline(num_trained, color="gray", linestyle="--", label=f"{num_trained} steps, as in training")
    bottom.set(xlabel="step", ylabel="U(z)", xlim=edges)
    bottom.legend(fontsize=8)
    figures.save(figure, path, title)


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
    figure, axes = figures.panels(1, len(curves), 4.2 * len(curves), 3.4)
    for axis, (name, values) in zip(axes, curves.items()):
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
    figures.save(figure, path, title)
