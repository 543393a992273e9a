"""Accuracies over the number of labels, and features in the plane of their principal components."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing

MAX_POINTS = 2000


def plot_probes(curves: Mapping[str, Mapping[int, float]], features, labels, path, title: str | None = None) -> None:
    """Accuracy in % against the number of labels > 0, a line per arm, beside the features `[N, D]` by label `[N]`.

    curves: {arm: {number of labels: accuracy in [0, 1]}}. Of the features the first 2,000 rows are drawn.
    """
    features, labels = np.asarray(features, float)[:MAX_POINTS], np.asarray(labels)[:MAX_POINTS]
    figure = Figure(figsize=(8.4, 3.6), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    for arm, curve in curves.items():
        known = {n: accuracy for n, accuracy in curve.items() if n > 0}
        left.plot(known.keys(), [100 * a for a in known.values()], "o-", markersize=4, label=arm)
    left.set(xscale="log", xlabel="labels", ylabel="accuracy, %")
    left.legend(fontsize=8, framealpha=0.5)
    centred = features - features.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    for label in np.unique(labels):
        right.scatter(*(axes @ centred[labels == label].T), s=5, alpha=0.5, linewidths=0, label=f"label {label}")
    right.set(xlabel="first principal component", ylabel="second")
    right.legend(fontsize=8, framealpha=0.5, markerscale=3)
    if title:
        figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
