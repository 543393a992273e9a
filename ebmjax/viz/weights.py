"""Pictures of the weights of many networks: their principal planes, and their filters."""

from collections.abc import Mapping

import numpy as np

from ebmjax.viz import figures, pictures

NUM_PLANE = 500  # networks that define a plane


def plot_weight_scatter(
    layers: Mapping[str, Mapping[str, np.ndarray]], colours: np.ndarray, path, title: str | None = None
) -> None:
    """One panel per entry {layer: {arm: weights `[N, d]`}}: a point for each network, in the plane of the first two
    principal components of the first arm.

    colours: `[N]` of the first arm, such as accuracies; other arms are crosses.
    """
    columns = min(3, len(layers))
    rows = -(-len(layers) // columns)
    figure, axes = figures.panels(rows, columns, 3.6 * columns, 3.2 * rows)
    for axis, (name, arms) in zip(axes, layers.items()):
        (first, own), *others = arms.items()
        place = figures.principal_plane(np.asarray(own[:NUM_PLANE], float))
        shown = axis.scatter(*place(own), s=5, c=colours, cmap="viridis", linewidths=0, label=first)
        for i, (arm, weights) in enumerate(others):
            axis.scatter(*place(weights), s=40, marker="x", color=f"C{i + 1}", label=arm)
        axis.set_title(name, fontsize=11)
        axis.set(xlabel="first principal component", ylabel="second")
    axes[0].legend(fontsize=8, framealpha=0.5)
    for axis in axes[len(layers) :]:
        axis.set_axis_off()
    figure.colorbar(shown, ax=list(axes), fraction=0.03, label="accuracy")
    figures.save(figure, path, title)


def save_filters(kernels: np.ndarray, path, title: str | None = None) -> None:
    """Filters `[N, h, w, F]` of N networks: a row for each of the F filters, a column for each network. Grey is 0."""
    x = np.moveaxis(np.asarray(kernels, np.float32), -1, 0)[..., None]
    pictures.save_interpolations(x / max(np.abs(x).max(), 1e-12), path, title=title)
