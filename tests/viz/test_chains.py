"""Images along chains, above the energies of the chains."""

import numpy as np
import pytest
from PIL import Image

from ebmjax.viz.chains import plot_transition


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_above_its_step(channels, tmp_path, drawn):
    """Two chains of 20 steps with a picture every 10: white at step 10 of the first, black elsewhere."""
    images = np.full((2, 3, 4, 4, channels), -1.0)
    images[0, 1] = 1.0
    energies = np.stack([np.arange(20.0), np.arange(20.0) + 2, np.zeros(20)], axis=1)
    plot_transition(images, 10, energies, tmp_path / "a.png", num_trained=5, title="toy")
    (figure,) = drawn
    top, bottom = figure.axes
    left, right, lower, upper = top.images[0].get_extent()
    assert (left, right, lower, upper) == (-5, 25, 0, 2) and bottom.get_xlim() == (-5, 25)
    grid = top.images[0].get_array()
    column = lambda step: int((step - left) / (right - left) * grid.shape[1])
    assert grid[0, column(10), 0] == 255 and grid[0, column(0), 0] == 0 == grid[0, column(20), 0]
    assert grid[-1, column(10), 0] == 0  # the second chain is the lower row
    first, second, mean, trained = bottom.lines
    assert np.array_equal(first.get_ydata(), np.arange(20)) and list(first.get_xdata()) == list(range(1, 21))
    assert np.allclose(mean.get_ydata(), energies.mean(1)) and list(trained.get_xdata()) == [5, 5]
    assert Image.open(tmp_path / "a.png").width >= 800
