"""Pictures of anomaly detection: a panel for each anomaly, a frame around the right images."""

import numpy as np
import pytest
from PIL import Image

from ebmjax.viz.anomaly import plot_precision_recall, save_ranked


@pytest.mark.parametrize("num", [1, 7])
def test_a_panel_for_each_anomaly(num, tmp_path):
    recall = np.linspace(0, 1, 50)
    curves = {str(i): {"joint": (recall, 1 - recall / 2), "pca": (recall, 1 - recall)} for i in range(num)}
    plot_precision_recall(curves, dict.fromkeys(curves, 0.1), tmp_path / "curves.png", title="a title")
    picture = np.asarray(Image.open(tmp_path / "curves.png"))
    assert picture.std() > 5
    assert picture.shape[1] > (1000 if num == 7 else 400)


def test_a_frame_around_what_is_marked(tmp_path):
    images, marked = np.full((2, 3, 4, 4, 1), -1.0), np.zeros((2, 3), bool)
    save_ranked(images, marked, tmp_path / "none.png")
    marked[1, 2] = True
    save_ranked(images, marked, tmp_path / "one.png")
    changed = np.asarray(Image.open(tmp_path / "one.png")) != np.asarray(Image.open(tmp_path / "none.png"))
    rows, columns = np.nonzero(changed.any(axis=2) if changed.ndim == 3 else changed)
    height, width = changed.shape[:2]
    assert rows.min() > height / 2 and columns.min() > width * 0.6
    assert changed.sum() < changed.size / 12  # a frame, not the whole cell
