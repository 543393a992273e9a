"""Figures of matplotlib: sheets with panels, written as PNG."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ebmjax.files import replacing
from ebmjax.viz.backend import Figure

DPI = 110
MAX_POINTS = 2000
"""Number of points in a scatter plot; more would hide each other."""


def sheet(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches with automatic layout."""
    return Figure(figsize=(width, height), layout="constrained", dpi=DPI)


def panels(rows: int, columns: int, width: float, height: float, **options) -> tuple[Figure, np.ndarray]:
    """A sheet of rows x columns panels, and their axes `[rows * columns]`, row by row. options: of `subplots`."""
    figure = sheet(width, height)
    return figure, figure.subplots(rows, columns, squeeze=False, **options).ravel()


def save(figure: Figure, path: str | Path, title: str | None = None, fontsize: int = 12) -> None:
    """Write a figure as a PNG, under its title."""
    if title:
        figure.suptitle(title, fontsize=fontsize)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def principal_plane(x: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The function that places rows `[N, d]` in the plane of the first two principal components of x`[M, d]`: `[2, N]`.

    In one dimension the second coordinate is 0.
    """
    centre = x.mean(0)
    components = np.linalg.svd(x - centre, full_matrices=False)[2][:2]

    def place(rows):
        found = ((np.asarray(rows, float) - centre) @ components.T).T
        return found if len(found) == 2 else np.stack([found[0], 0 * found[0]])

    return place
