"""Foreign examples: what is made of the test examples, and the area under the curve by a score that is known."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments.measure import foreign

TEST = np.linspace(-0.5, 1.0, 5 * 2 * 2 * 3).reshape(5, 2, 2, 3).astype(np.float32)


def run_of(*names):
    return SimpleNamespace(rng_key=jax.random.key(0), config=ConfigDict({"evaluate": {"foreign": names}}))


def test_constant_images_have_one_colour_in_the_range_of_the_test_examples():
    x = np.asarray(foreign.foreign_examples(run_of(), "constant", TEST))
    assert x.shape == TEST.shape and np.all(x == x[:, :1, :1])
    assert TEST.min() <= x.min() and x.max() <= TEST.max()
    assert len(np.unique(x)) == 15  # another for every image and channel


def test_areas_by_a_known_score(tmp_path):
    """By the spread within an image constant ones rank below all test examples; a file's figure has its name."""
    np.savez(tmp_path / "other.npz", x_train=np.zeros((4, 2, 2, 3), np.uint8), x_test=np.zeros((4, 2, 2, 3), np.uint8))
    run = run_of("constant", f"npz:{tmp_path}/other.npz")
    spread = lambda x: np.std(np.asarray(x).reshape(len(x), -1, 3), axis=1).sum(axis=1)
    found = foreign.foreign_auroc(spread, run, TEST)
    assert found == {"auroc_constant": pytest.approx(0.0), "auroc_other": pytest.approx(0.0)}
    assert foreign.foreign_auroc(lambda x: -spread(x), run, TEST)["auroc_constant"] == pytest.approx(1.0)
