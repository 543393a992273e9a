"""A latent space in the plane: where test examples lie, and where the samples of each symbol do."""

import numpy as np
from matplotlib.figure import Figure

from ebmjax.viz.pictures import replacing

MAX_POINTS = 2000
MAX_NAMED = 12


def plot_latent(z, labels, z_of_symbols, path, title: str | None = None) -> None:
    """Left z`[N, d]` by label `[N]`, right z_of_symbols`[K, M, d]` by symbol, one colour for both.

    The plane is that of the first two principal components of z; of z the first 2,000 rows are drawn.
    """
    z, labels = np.asarray(z, float)[:MAX_POINTS], np.asarray(labels)[:MAX_POINTS]
    centre = z.mean(0)
    axes = np.linalg.svd(z - centre, full_matrices=False)[2][:2]
    place = lambda rows: ((np.asarray(rows, float) - centre) @ axes.T).T
    colour = lambda k: f"C{k % 10}" if len(z_of_symbols) <= 10 else _of_many(k, len(z_of_symbols))
    figure = Figure(figsize=(9.4, 4.2), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for k in np.unique(labels):
        rows = place(z[labels == k])
        left.scatter(*(rows if len(rows) == 2 else (rows[0], 0 * rows[0])), s=5, color=colour(k), linewidths=0)
    for k, rows in enumerate(z_of_symbols):
        rows = place(rows)
        points = rows if len(rows) == 2 else (rows[0], 0 * rows[0])
        right.scatter(*points, s=5, color=colour(k), linewidths=0, label=str(k))
    left.set(xlabel="first principal component", ylabel="second", title="test examples")
    right.set(xlabel="first principal component", title="samples of each symbol")
    if len(z_of_symbols) <= MAX_NAMED:
        right.legend(fontsize=8, framealpha=0.5, markerscale=3, ncols=2)
    if title:
        figure.suptitle(title, fontsize=12)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _of_many(k: int, num: int):
    """A colour of `num` around the hues."""
    from matplotlib import colormaps

    return colormaps["hsv"](k / num)
