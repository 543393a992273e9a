"""Foreign examples and samples by class, on scores and classes made by hand."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from ebmjax.evaluation.ood import SCORES
from experiments.measure import attacks, foreign


def scores_of(values):
    return dict.fromkeys(SCORES, np.asarray(values, float))


def test_areas_are_means_over_the_draws():
    """Of one draw all foreign examples score above the test examples (1), of the other half of the pairs (1/2)."""
    of_test, of_svhn = [scores_of([0, 1]), scores_of([0, 2])], [scores_of([2, 3]), scores_of([1, 1])]
    found = foreign.foreign_figures(of_test, {"svhn": of_svhn})[""]
    assert found == dict.fromkeys((f"auroc_svhn_{name}" for name in SCORES), pytest.approx(0.75))


def test_noise_is_another_for_every_set():
    config = ConfigDict({"evaluate": {"foreign_noise": 0.5}})
    run = SimpleNamespace(config=config, rng_key=jax.random.key(0))
    x = np.zeros((2000, 3), np.float32)
    one, two = (foreign.noisy(run, x, i) for i in (0, 1))
    assert np.std(one) == pytest.approx(0.5, rel=0.05) and not np.array_equal(one, two)
    assert np.array_equal(foreign.noisy(run, x, 0), one)
    config.evaluate.foreign_noise = 0.0
    assert np.array_equal(foreign.noisy(run, x, 0), x)


def test_a_row_for_each_class(monkeypatch, tmp_path):
    """Three classes by the sign of the image; nothing is of the third: its row stays white."""
    by_sign = lambda config, trained, steps: (
        lambda key, x: jnp.stack([-x.mean((1, 2, 3)), x.mean((1, 2, 3)), jnp.full(len(x), -9.0)], axis=1)
    )
    monkeypatch.setattr(attacks, "classifier_of", by_sign)
    config = ConfigDict({"evaluate": {"batch_size": 8, "picture": ()}})
    x = np.repeat(np.array([-1.0, 0.5, -1.0, 0.5]), 4).reshape(4, 2, 2, 1).astype(np.float32)
    attacks.draw_by_class(SimpleNamespace(config=config, trained=None), x, tmp_path / "grid.png", num=2)
    grid = np.asarray(Image.open(tmp_path / "grid.png").convert("L")).astype(int)
    rows = [grid[int(grid.shape[0] * f)] for f in (1 / 6, 3 / 6, 5 / 6)]
    assert [np.median(row) for row in rows] == [0, pytest.approx(191, abs=1), 255]
