"""Pictures of an energy: its density and chains in the plane, and its values along paths."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ebmjax.viz import figures

MAX_POINTS = 5000


def plot_landscape(
    densities: Mapping[str, np.ndarray],
    draws: Mapping[str, np.ndarray],
    limit: float,
    path: str | Path,
    *,
    title: str | None = None,
) -> None:
    """Panels, two in a row: densities as colours, each with its own scale, then draws as points.

    densities: {title: `[num, num]`} on [-limit, limit]², first row lowest. draws: {title: x`[N, 2]`}; only the first
    5,000 are drawn, and only those inside the square.
    """
    num = len(densities) + len(draws)
    rows = -(-num // 2)
    figure, axes = figures.panels(rows, 2, 8, 3.6 * rows)
    for axis, (name, density) in zip(axes, densities.items()):
        extent = (-limit, limit, -limit, limit)
        image = axis.imshow(np.asarray(density), origin="lower", extent=extent, cmap="viridis", vmin=0)
        figure.colorbar(image, ax=axis, fraction=0.046, pad=0.03, label="density")
        _frame(axis, name, limit)
    for axis, (name, x) in zip(axes[len(densities) :], draws.items()):
        _scatter(axis, x)
        _frame(axis, name, limit)
    for axis in axes[num:]:
        axis.set_axis_off()
    figures.save(figure, path, title, fontsize=13)


def plot_classes(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]], path: str | Path, *, title: str | None = None
) -> None:
    """Points in the plane in the colour of their class, panels two in a row: {title: (x`[N, 2]`, classes`[N]`)}; only
    the first 5,000 of each."""
    rows = -(-len(panels) // 2)
    figure, axes = figures.panels(rows, 2, 8, 3.6 * rows)
    num = 1 + max(int(np.max(classes)) for _, classes in panels.values())
    for axis, (name, (x, classes)) in zip(axes, panels.items()):
        x, classes = np.asarray(x)[:MAX_POINTS], np.asarray(classes)[:MAX_POINTS]
        axis.scatter(x[:, 0], x[:, 1], s=3, c=classes / num, cmap="hsv", vmin=0, vmax=1, linewidths=0)
        axis.set_title(name, fontsize=11)
        axis.set_aspect("equal", adjustable="datalim")
        axis.tick_params(labelsize=9)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figures.save(figure, path, title, fontsize=13)


def plot_long_run(
    arms: Mapping[str, Mapping[int, np.ndarray]], limit: float, path: str | Path, *, title: str | None = None
) -> None:
    """The same chains after increasing numbers of steps: a row for each arm, {name: {number of steps: x`[N, 2]`}}.

    Chains of a convergent model stay near the data; those of other models leave, or shrink into modes.
    """
    columns = max(len(times) for times in arms.values())
    figure, axes = figures.panels(len(arms), columns, 2.4 * columns, 2.6 * len(arms) + 0.3)
    for row, (name, times) in zip(axes.reshape(len(arms), columns), arms.items()):
        for axis, (steps, x) in zip(row, times.items()):
            _scatter(axis, x)
            _frame(axis, f"{steps:,} steps", limit)
            axis.label_outer()
        row[0].set_ylabel(name, fontsize=12)
        for axis in row[len(times) :]:
            axis.set_axis_off()
    figures.save(figure, path, title, fontsize=13)


def plot_energy_paths(panels: Mapping[str, np.ndarray], path: str | Path, *, title: str | None = None) -> None:
    """One panel per kind of path, {name: energies `[K, N]`} at N equidistant points of K paths: thin lines for paths,
    a thick one for their mean. Energies are relative to the higher end of each path: above 0 there is a barrier."""
    figure, axes = figures.panels(1, len(panels), 3.8 * len(panels), 3.3, sharey=True)
    for axis, (name, energies) in zip(axes, panels.items()):
        rise = np.asarray(energies) - np.max(np.asarray(energies)[:, [0, -1]], axis=1, keepdims=True)
        share = np.linspace(0, 1, rise.shape[1])
        axis.plot(share, rise.T, color="#1f4e9e", alpha=0.25, linewidth=0.8)
        axis.plot(share, rise.mean(axis=0), color="black", linewidth=2)
        axis.axhline(0, color="0.4", linewidth=0.8)
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("from one end to the other")
    axes[0].set_ylabel("energy above the higher end (nats)")
    figures.save(figure, path, title, fontsize=13)


def _scatter(axis, x) -> None:
    x = np.asarray(x)[:MAX_POINTS]
    axis.scatter(x[:, 0], x[:, 1], s=3, alpha=min(1.0, 300 / len(x)) ** 0.5, linewidths=0, color="#1f4e9e")


def _frame(axis, name, limit) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axis.set_title(name, fontsize=11)
    axis.tick_params(labelsize=9)
