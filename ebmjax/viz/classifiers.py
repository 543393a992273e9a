"""Pictures of classifiers: accuracies of repetitions and of populations, reliability of confidences, linear probes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebmjax.viz import figures


def plot_accuracy_and_reliability(
    accuracies: Mapping[str, np.ndarray],
    reliabilities: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    path,
    title: str | None = None,
) -> None:
    """Left: {arm: accuracies `[S]`}, a point for each repetition and a bar for their mean; points of a repetition are
    joined if it is in all arms. Right: {arm: `evaluation.reliability`}, accuracy against confidence."""
    figure, (left, right) = figures.panels(1, 2, 8.6, 3.8)
    values = [np.asarray(found, float) for found in accuracies.values()]
    places = np.arange(len(values))
    if len({len(found) for found in values}) == 1:
        left.plot(places, np.stack(values), color="0.8", linewidth=0.8, zorder=0)
    for i, found in enumerate(values):
        left.scatter(np.full(len(found), i), found, color=f"C{i}", s=22)
        left.hlines(found.mean(), i - 0.25, i + 0.25, color=f"C{i}", linewidth=2.5)
        left.annotate(f"{found.mean():.3f}", (i + 0.28, found.mean()), fontsize=8, va="center")
    left.set(xlim=(-0.5, len(values) - 0.2), ylabel="test accuracy")
    left.set_xticks(places, [name.replace("_", "\n") for name in accuracies])
    right.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for i, (name, (share, accuracy, confidence)) in enumerate(reliabilities.items()):
        seen = share > 0
        right.plot(confidence[seen], accuracy[seen], "o-", color=f"C{i}", markersize=4, label=name.replace("_", " "))
    right.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    right.legend(fontsize=8, framealpha=0.5)
    figures.save(figure, path, title)


def plot_accuracy_histogram(accuracies: np.ndarray, marks: Mapping[str, float], path, title: str | None = None) -> None:
    """Histogram of accuracies `[M]`, with a vertical line for each accuracy in `marks`."""
    figure, (axis,) = figures.panels(1, 1, 7, 3.6)
    axis.hist(accuracies, bins=min(20, max(len(accuracies) // 3, 5)), color="0.7")
    for i, (name, value) in enumerate(marks.items()):
        axis.axvline(value, color=f"C{i}", label=f"{name}: {value:.4f}", linestyle=("-", "--", ":", "-.")[i % 4])
    axis.set(xlabel="accuracy", ylabel="networks")
    axis.legend(fontsize=8, framealpha=0.6)
    figures.save(figure, path, title)


def plot_histograms(values: Mapping[str, np.ndarray], path, label: str, title: str | None = None) -> None:
    """Densities of {name: values `[N]`} on one axis with `label`, in 100 equal bins of the range of all.

    The outermost thousandth on each side is put into the bins at the edges.
    """
    figure, (axis,) = figures.panels(1, 1, 7, 3.6)
    everything = np.concatenate([np.ravel(found) for found in values.values()])
    low, high = np.quantile(everything[np.isfinite(everything)], [0.001, 0.999])
    bins = np.linspace(low, max(high, low + 1e-6), 101)
    for i, (name, found) in enumerate(values.items()):
        axis.hist(np.clip(found, low, high), bins=bins, density=True, alpha=0.5, color=f"C{i}", label=name)
    axis.set(xlabel=label, ylabel="density")
    axis.legend(fontsize=8, framealpha=0.6)
    figures.save(figure, path, title)


def plot_accuracy_curves(
    panels: Mapping[str, tuple[Any, Mapping[str, np.ndarray]]], path, title: str | None = None
) -> None:
    """One panel per entry {label of the axis: (its values [N], {name: accuracies [N], or [K, N] of K repetitions})}.

    Means over repetitions are drawn as thick lines, single repetitions as thin ones.
    """
    figure, axes = figures.panels(1, len(panels), 5.2 * len(panels), 3.8)
    for axis, (label, (values, curves)) in zip(axes, panels.items()):
        for i, (name, accuracies) in enumerate(curves.items()):
            accuracies = np.atleast_2d(accuracies)
            if len(accuracies) > 1:
                axis.plot(values, accuracies.T, color=f"C{i}", linewidth=0.5, alpha=0.5)
            axis.plot(values, accuracies.mean(axis=0), color=f"C{i}", linewidth=2, label=name)
        axis.set(xlabel=label, ylabel="accuracy")
        axis.grid(True, alpha=0.3)
        axis.legend(fontsize=8, framealpha=0.6)
    figures.save(figure, path, title)


def plot_linear_probes(
    curves: Mapping[str, Mapping[int, float]], features, labels, path, title: str | None = None
) -> None:
    """Accuracy in % against the number of labels > 0, a line per arm, beside the features `[N, D]` by label `[N]`.

    curves: {arm: {number of labels: accuracy in [0, 1]}}. Of the features the first 2,000 rows are drawn.
    """
    features, labels = np.asarray(features, float)[: figures.MAX_POINTS], np.asarray(labels)[: figures.MAX_POINTS]
    figure, (left, right) = figures.panels(1, 2, 8.4, 3.6)
    for arm, curve in curves.items():
        known = {n: accuracy for n, accuracy in curve.items() if n > 0}
        left.plot(known.keys(), [100 * a for a in known.values()], "o-", markersize=4, label=arm)
    left.set(xscale="log", xlabel="labels", ylabel="accuracy, %")
    left.legend(fontsize=8, framealpha=0.5)
    place = figures.principal_plane(features)
    for label in np.unique(labels):
        right.scatter(*place(features[labels == label]), s=5, alpha=0.5, linewidths=0, label=f"label {label}")
    right.set(xlabel="first principal component", ylabel="second")
    right.legend(fontsize=8, framealpha=0.5, markerscale=3)
    figures.save(figure, path, title)
