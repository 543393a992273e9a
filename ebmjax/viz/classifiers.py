"""Classifiers side by side: the accuracy of every repetition, and whether their confidence can be trusted."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing


def plot_arms(
    accuracies: Mapping[str, np.ndarray],
    reliabilities: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    path,
    title: str | None = None,
) -> None:
    """Left {arm: accuracies `[S]`}, a point for each repetition and a bar for their mean, joined where the same
    repetition is in all arms; right {arm: `evaluation.reliability`}, accuracy against confidence."""
    figure = Figure(figsize=(8.6, 3.8), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
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
    if title:
        figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")
