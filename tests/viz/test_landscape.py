"""Landscapes and strips of chains: which panels are drawn, and the way up."""

import numpy as np
from PIL import Image

from ebmjax.diagnostics import Merge
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


def test_disconnectivity_graph(tmp_path, drawn):
    """Branches of 0 and 2 meet at 1, both and 1 at 3; minimum 3 stays apart. Leaves of a group stand together."""
    tree = [Merge(1.0, (0,), (2,)), Merge(3.0, (1,), (0, 2))]
    images = np.zeros((4, 8, 8, 1), np.float32)
    landscape.plot_disconnectivity(np.array([0.0, -1.0, 0.5, -2.0]), tree, tmp_path / "a.png", images=images)
    (figure,) = drawn
    axis, *insets = figure.axes[0], *figure.axes[0].child_axes
    first, second, *trunks = (line.get_xydata() for line in axis.lines)
    np.testing.assert_allclose(first[:, 1], [0, 1, 1, 0.5])  # from minimum 0 up, across, and down to 2
    np.testing.assert_allclose(second[:, 1], [-1, 3, 3, 1])
    assert np.ptp(first[:, 0]) == 1 and second[2, 0] == first[:, 0].mean()
    assert [trunk[0, 1] for trunk in trunks] == [-2, 3] and len(insets) == 4
    assert Image.open(tmp_path / "a.png").width > 300
