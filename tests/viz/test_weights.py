"""Pictures of weights: the plane of the first arm, and the order of filters."""

import numpy as np
from PIL import Image

from ebmjax.viz import weights


def test_scatter(tmp_path, drawn):
    """Weights on a line: the plane's first axis is that line, and the other arm is placed in the same plane."""
    line = np.outer(np.linspace(-1, 1, 30), [3.0, 4.0, 0.0])
    layers = {"all": {"generated": line, "trained directly": np.array([[6.0, 8.0, 0.0]])}, "dense": {"generated": line}}
    weights.plot_weight_scatter(layers, np.linspace(0.9, 1, 30), tmp_path / "a.png", "weights")
    (figure,) = drawn
    own, other = figure.axes[0].collections
    np.testing.assert_allclose(np.ptp(np.asarray(own.get_offsets()), axis=0), [10, 0], atol=1e-6)
    np.testing.assert_allclose(np.abs(np.asarray(other.get_offsets())[0]), [10, 0], atol=1e-6)
    assert [axis.get_title() for axis in figure.axes[:2]] == ["all", "dense"]


def test_filters_are_rows(tmp_path):
    """Two filters of three networks, 5 x 5: the second filter of network 0 is white, the second row's first image."""
    kernels = np.zeros((3, 5, 5, 2))
    kernels[0, :, :, 1] = 2.0
    weights.save_filters(kernels, tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("L")).astype(int)
    height, width = picture.shape
    assert picture[3 * height // 4, width // 6] == 255 and abs(picture[height // 4, width // 6] - 128) <= 1
