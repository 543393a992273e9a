"""Pictures of anomaly detection: precision-recall curves, and images ranked first and last by a score."""

from collections.abc import Mapping

import numpy as np

from ebmjax.viz import figures
from ebmjax.viz.pictures import save_interpolations

COLUMNS = 5


def plot_precision_recall(
    curves: Mapping[str, Mapping[str, tuple]], random: Mapping[str, float], path, title: str | None = None
) -> None:
    """One panel for each anomaly, with curves {label: (recall, precision)}, recall ascending, as steps.

    random: {anomaly: its share of the test examples}, the precision of random scores, dotted.
    """
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = figures.panels(rows, columns, max(2.6 * columns, 4.5), 2.5 * rows + 0.7, sharey=True)
    for axis, (name, found) in zip(axes, curves.items()):
        for i, (label, (recall, precision)) in enumerate(found.items()):
            axis.step(recall, precision, where="pre", color=f"C{i}", linewidth=1.2, label=label)
        axis.axhline(random[name], color="0.5", linestyle=":", label="random")
        axis.set(title=f"anomaly: {name}", xlim=(0, 1), ylim=(0, 1.02))
    for axis in axes[len(curves) :]:
        axis.set_visible(False)
    for i, axis in enumerate(axes[: len(curves)]):
        if i + columns >= len(curves):
            axis.set_xlabel("recall")
        if i % columns == 0:
            axis.set_ylabel("precision")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), fontsize=9, frameon=False)
    figures.save(figure, path, title)


def save_ranked(images, marked, path) -> None:
    """Write rows of images `[rows, points, H, W, C]` in [-1, 1] as a PNG; a grey frame where `marked[rows, points]`."""
    images = np.asarray(images, np.float32)
    frame = np.where(np.asarray(marked), 0.2, -1.0)[:, :, None, None, None]
    framed = np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2), (0, 0)], constant_values=-1.0)
    for edge in (np.s_[:, :, :1], np.s_[:, :, -1:], np.s_[:, :, :, :1], np.s_[:, :, :, -1:]):
        framed[edge] = frame
    save_interpolations(framed, path)
