"""Landscapes and strips of chains: which panels are drawn, and the way up."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ebmjax.viz import landscape, learning


@pytest.fixture
def figures(monkeypatch):
    """The figures drawn during a test."""
    drawn = []
    for module in (landscape, learning):
        monkeypatch.setattr(module, "Figure", lambda **options: drawn.append(Figure(**options)) or drawn[-1])
    return drawn


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.axison and axis.get_title()]


def test_landscape(tmp_path, figures):
    """Densities with a colour bar each, then draws; the first row of a density is the lowest."""
    density = np.zeros((10, 10))
    density[0, :] = 1
    x = np.random.default_rng(0).normal(size=(50, 2))
    landscape.plot_landscape({"true": density, "model": density}, {"draws": x}, 2.0, tmp_path / "a.png", title="toy")
    (figure,) = figures
    assert titles(figure) == ["true", "model", "draws"] and figure.get_suptitle() == "toy"
    assert figure.axes[0].images[0].origin == "lower" and figure.axes[0].get_xlim() == (-2, 2)
    assert [axis.get_ylabel() for axis in figure.axes].count("density") == 2
    assert figure.axes[2].get_aspect() == 1  # the third panel; colour bars come last
    assert Image.open(tmp_path / "a.png").width >= 800


def test_long_run_has_a_row_for_each_arm(tmp_path, figures):
    x = np.zeros((5, 2))
    arms = {"convergent": {0: x, 100: x, 10_000: x}, "other": {0: x, 100: x}}
    landscape.plot_long_run(arms, 1.0, tmp_path / "a.png")
    (figure,) = figures
    assert titles(figure) == ["0 steps", "100 steps", "10,000 steps", "0 steps", "100 steps"]
    assert [figure.axes[i].get_ylabel() for i in (0, 3)] == ["convergent", "other"]


def test_learning_counts_both_kinds_of_update(tmp_path, figures):
    d_s = np.array([-1.0, 1.0, -1.0] * 20)
    learning.plot_learning(d_s, np.linspace(1, 2, 60), tmp_path / "a.png", title="run")
    assert titles(figures[0])[0] == "d_s: mean -0.333, 40 expansions (< 0), 20 contractions"
    assert "r_s: mean 1.5" in titles(figures[0])
    learning.plot_learning(d_s, np.ones(60), tmp_path / "a.png")  # a constant series has no correlation: still drawn
    assert Image.open(tmp_path / "a.png").format == "PNG"
