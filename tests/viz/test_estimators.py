"""Pictures of estimators and histograms of scores: they are written, and show something."""

import numpy as np
from PIL import Image

from ebmjax.viz.classifiers import plot_histograms
from ebmjax.viz.estimators import plot_bias_and_spread


def shows(path):
    picture = Image.open(path)
    return picture.width > 300 and np.asarray(picture).std() > 5


def test_bias_and_spread(tmp_path):
    curves = {"a": np.array([0.5, 0.2]), "constant": np.array([1.0, 1.0])}
    plot_bias_and_spread(np.array([2, 20]), {"bias": curves, "sd": curves}, tmp_path / "x.png", title="draws")
    assert shows(tmp_path / "x.png")


def test_histograms_with_values_that_are_not_finite(tmp_path):
    values = {"test": np.arange(100.0), "far": np.array([np.inf, 50.0, -1e9])}
    plot_histograms(values, tmp_path / "x.png", "log p(x)")
    assert shows(tmp_path / "x.png")
