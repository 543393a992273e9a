"""Landscapes and strips of chains: which panels are drawn, and the way up."""

import numpy as np
from PIL import Image

from ebmjax.viz import landscape


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.axison and axis.get_title()]


def test_landscape(tmp_path, drawn):
    """Densities with a colour bar each, then draws; the first row of a density is the lowest."""
    density = np.zeros((10, 10))
    density[0, :] = 1
    x = np.random.default_rng(0).normal(size=(50, 2))
    landscape.plot_landscape({"true": density, "model": density}, {"draws": x}, 2.0, tmp_path / "a.png", title="toy")
    (figure,) = drawn
    assert titles(figure) == ["true", "model", "draws"] and figure.get_suptitle() == "toy"
    assert figure.axes[0].images[0].origin == "lower" and figure.axes[0].get_xlim() == (-2, 2)
    assert [axis.get_ylabel() for axis in figure.axes].count("density") == 2
    assert figure.axes[2].get_aspect() == 1  # the third panel; colour bars come last
    assert Image.open(tmp_path / "a.png").width >= 800


def test_long_run_has_a_row_for_each_arm(tmp_path, drawn):
    x = np.zeros((5, 2))
    arms = {"convergent": {0: x, 100: x, 10_000: x}, "other": {0: x, 100: x}}
    landscape.plot_long_run(arms, 1.0, tmp_path / "a.png")
    (figure,) = drawn
    assert titles(figure) == ["0 steps", "100 steps", "10,000 steps", "0 steps", "100 steps"]
    assert [figure.axes[i].get_ylabel() for i in (0, 3)] == ["convergent", "other"]
