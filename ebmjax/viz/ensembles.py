"""Pictures of a population of classifiers: histogram of their accuracies, and accuracy along something."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing


def plot_accuracies(accuracies: np.ndarray, marks: Mapping[str, float], path, title: str | None = None) -> None:
    """Histogram of accuracies `[M]`, with a vertical line for each accuracy in `marks`."""
    figure = Figure(figsize=(7, 3.6), layout="constrained", dpi=110)
    axis = figure.subplots()
    axis.hist(accuracies, bins=min(20, max(len(accuracies) // 3, 5)), color="0.7")
    for i, (name, value) in enumerate(marks.items()):
        axis.axvline(value, color=f"C{i}", label=f"{name}: {value:.4f}", linestyle=("-", "--", ":", "-.")[i % 4])
    axis.set(xlabel="accuracy", ylabel="networks")
    axis.legend(fontsize=8, framealpha=0.6)
    _save(figure, path, title)


def plot_accuracy_along(
    panels: Mapping[str, tuple[Any, Mapping[str, np.ndarray]]], path, title: str | None = None
) -> None:
    """One panel per entry {label of the axis: (its values [N], {name: accuracies [N], or [K, N] of K repetitions})}.

    Of repetitions the mean is drawn thick, and each of them thin.
    """
    figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained", dpi=110)
    for axis, (label, (values, curves)) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        for i, (name, accuracies) in enumerate(curves.items()):
            accuracies = np.atleast_2d(accuracies)
            if len(accuracies) > 1:
                axis.plot(values, accuracies.T, color=f"C{i}", linewidth=0.5, alpha=0.5)
            axis.plot(values, accuracies.mean(axis=0), color=f"C{i}", linewidth=2, label=name)
        axis.set(xlabel=label, ylabel="accuracy")
        axis.grid(True, alpha=0.3)
        axis.legend(fontsize=8, framealpha=0.6)
    _save(figure, path, title)


def _save(figure: Figure, path, title: str | None) -> None:
    if title:
        figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
