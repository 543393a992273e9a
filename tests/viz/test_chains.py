"""Ranks and ESS of chains; images along chains, above the energies of the chains."""

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.diagnostics import ess_bulk, ess_tail
from ebmjax.viz.chains import plot_ess_evolution, plot_ranks, plot_transition


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


def test_ranks_of_chains_that_disagree(tmp_path, drawn):
    """100 draws of each of two chains, all of the first below all of the second: 4 bars, of ranks 1 to 100 or above."""
    apart = np.arange(200.0).reshape(2, 100).T[..., None]
    plot_ranks({"apart": apart, "same": apart % 100}, tmp_path / "a.png")
    heights = [[bar.get_height() for bar in axis.patches if bar.get_width() == 0.25] for axis in drawn[0].axes]
    assert heights == [[50, 50, 0, 0], [0, 0, 50, 50], [25] * 4, [25] * 4]
    assert Image.open(tmp_path / "a.png").width > 400


def test_ess_grows_with_the_steps(tmp_path, drawn):
    x = np.random.default_rng(0).normal(size=(50, 4, 2)).astype(np.float32)
    plot_ess_evolution({"iid": x}, tmp_path / "a.png", coordinate=1, points=2)
    bulk, tail, limit = drawn[0].axes[0].lines
    assert list(bulk.get_xdata()) == [0, 25, 50] == list(tail.get_xdata()) and set(limit.get_ydata()) == {400}
    first = jax.jit(lambda x: (ess_bulk(x), ess_tail(x)))(x[:25, :, 1])
    np.testing.assert_allclose([bulk.get_ydata()[1], tail.get_ydata()[1]], first, rtol=1e-4)
    assert bulk.get_ydata()[2] > 1.5 * bulk.get_ydata()[1] and bulk.get_ydata()[0] == 0
