"""Pictures of an energy: its density and chains in the plane, its values along paths, the tree of its minima."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ebmjax.diagnostics import Merge
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


def plot_disconnectivity(
    energies: np.ndarray, tree: Sequence[Merge], path: str | Path, *, images=(), title: str | None = None
) -> None:
    """The disconnectivity graph of M minima with energies `[M]`: a branch hangs down to each minimum's energy, and
    branches meet at the lowest energy on paths between them. images: `[M, H, W, C]` in [-1, 1], shown below it."""
    energies = np.asarray(energies, float)
    order = _leaves(tree, len(energies))
    place = {i: x for x, i in enumerate(order)}
    figure, (axis,) = figures.panels(1, 1, max(5.0, 0.6 * len(order)), 4.2)
    for branch in _branches(energies, tree, place):
        axis.plot(*zip(*branch), color="#1f4e9e", linewidth=1.2)
    axis.scatter([place[i] for i in order], energies[order], s=12, color="black", zorder=3)
    axis.set(xlim=(-0.6, len(order) - 0.4), ylabel="energy (nats)")
    axis.set_xticks([])
    for i, image in enumerate(np.asarray(images, np.float32)):
        below = axis.inset_axes((place[i] - 0.45, -0.2, 0.9, 0.18), transform=axis.get_xaxis_transform())
        below.imshow(np.clip((image + 1) / 2, 0, 1), cmap="gray", vmin=0, vmax=1)
        below.set_axis_off()
    figures.save(figure, path, title, fontsize=13)


def _branches(energies, tree: Sequence[Merge], place) -> list[list[tuple[float, float]]]:
    """Lines of points (x, energy): one for each merge, from one group up, across, and down to the other, then one
    upwards from every group that no merge joins to others. place: {minimum: its x}."""
    top: dict[tuple[int, ...], tuple[float, float]] = {
        (i,): (x, energies[i]) for i, x in place.items()
    }  # of each group
    lines = []
    for merge in tree:
        (x, low), (other, other_low) = top.pop(merge.left), top.pop(merge.right)
        lines.append([(x, low), (x, merge.level), (other, merge.level), (other, other_low)])
        top[merge.left + merge.right] = ((x + other) / 2, merge.level)
    height = np.ptp([*energies, *(merge.level for merge in tree)]) or 1.0
    return lines + [[(x, y), (x, y + 0.06 * height)] for x, y in top.values()]


def _leaves(tree: Sequence[Merge], num: int) -> list[int]:
    """All `num` minima, so that those of every group of the tree stand together."""
    groups: dict[tuple[int, ...], None] = {(i,): None for i in range(num)}
    for merge in tree:
        del groups[merge.left], groups[merge.right]
        groups[merge.left + merge.right] = None
    return [i for group in groups for i in group]


def _scatter(axis, x) -> None:
    x = np.asarray(x)[:MAX_POINTS]
    axis.scatter(x[:, 0], x[:, 1], s=3, alpha=min(1.0, 300 / len(x)) ** 0.5, linewidths=0, color="#1f4e9e")


def _frame(axis, name, limit) -> None:
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axis.set_title(name, fontsize=11)
    axis.tick_params(labelsize=9)
