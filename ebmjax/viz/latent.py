"""A latent space in the plane: latent vectors of test examples, and samples of each symbol."""

import numpy as np

from ebmjax.viz import figures
from ebmjax.viz.backend import colormaps

MAX_NAMED = 12


def plot_latent(z, labels, z_of_symbols, path, title: str | None = None) -> None:
    """Left: z`[N, d]` by label `[N]`; right: z_of_symbols`[K, M, d]` by symbol, in the same colours.

    The plane is that of the first two principal components of z; only the first 2,000 rows of z are drawn.
    """
    z, labels = np.asarray(z, float)[: figures.MAX_POINTS], np.asarray(labels)[: figures.MAX_POINTS]
    place = figures.principal_plane(z)
    colour = lambda k: f"C{k % 10}" if len(z_of_symbols) <= 10 else _of_many(k, len(z_of_symbols))
    figure, (left, right) = figures.panels(1, 2, 9.4, 4.2, sharex=True, sharey=True)
    for k in np.unique(labels):
        left.scatter(*place(z[labels == k]), s=5, color=colour(k), linewidths=0)
    for k, rows in enumerate(z_of_symbols):
        right.scatter(*place(rows), s=5, color=colour(k), linewidths=0, label=str(k))
    left.set(xlabel="first principal component", ylabel="second", title="test examples")
    right.set(xlabel="first principal component", title="samples of each symbol")
    if len(z_of_symbols) <= MAX_NAMED:
        right.legend(fontsize=8, framealpha=0.5, markerscale=3, ncols=2)
    figures.save(figure, path, title)


def _of_many(k: int, num: int):
    """Colour k of `num` equally spaced hues."""
    return colormaps["hsv"](k / num)
