"""The import of matplotlib, here alone, whatever MPLBACKEND says.

Figures are saved and never shown, so they need no backend. Jupyter and Colab export one that only their own Python has;
in any other, matplotlib would then refuse to be imported.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress


@contextmanager
def _any_backend() -> Generator[None, None, None]:
    """A context in which matplotlib is imported without MPLBACKEND; afterwards it uses that for pyplot, if it can."""
    named = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named:
        with suppress(ValueError):  # a backend that is not installed
            matplotlib.rcParams["backend"] = named


with _any_backend():
    import matplotlib
    from matplotlib import colormaps
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

__all__ = ["Axes", "Figure", "NullFormatter", "colormaps", "plain_style"]


def plain_style() -> None:
    """Matplotlib's own style for all later figures: a matplotlibrc may ask for what is not there, such as LaTeX."""
    matplotlib.rcdefaults()
