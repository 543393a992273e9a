"""Features of a trained energy: rows by class, what a run writes, and what is refused."""

import numpy as np
import pytest

from ebmjax.training.config import ConfigError
from experiments.features import rows_by_class


def test_rows_are_balanced():
    labels = np.repeat([0, 1, 2], [50, 20, 30])
    rows = rows_by_class(labels, 30, 0)
    assert len(set(rows)) == 30 and np.bincount(labels[rows]).tolist() == [10, 10, 10]
    assert set(rows) != set(rows_by_class(labels, 30, 1))
    assert len(rows_by_class(labels, 0, 0)) == 100
    with pytest.raises(ConfigError, match="the rarest class has 20"):
        rows_by_class(labels, 90, 0)


@pytest.mark.slow
def test_what_a_run_writes(run):
    """An energy hardly trained: its features tell digits apart all the same, as pixels do."""
    found = run("features", "digits:smoke")
    kinds = {f"error_{num}_labels" for num in (100, 200, 1437)} | {"num_features"}
    assert set(found.metrics) == kinds
    assert found.names == dict.fromkeys(("untrained", "pixels"), kinds)
    # Of ten classes: chance is .9. 4 x 4 x 16 + 4 x 4 x 32 features.
    for table in (found.metrics, *found.baselines.values()):
        assert all(0 < value < 0.4 for name, value in table.items() if name.startswith("error"))
    assert found.metrics["num_features"] == 768 and found.baselines["pixels"]["num_features"] == 64


@pytest.mark.parametrize(
    "word, said",
    [
        ("--config.data.name=8gaussians", "no labelled images"),
        ("--config.evaluate.probe.num_labels=(15,)", "15 must be a multiple of the 10"),
        ("--config.source=flow", "experiments.flow has no energy network"),
        ("--config.source=features", "experiments.features has no energy network"),
        ("--config.source=glow", "unknown experiment 'glow'"),
        ("--config.labels.weight=1.0", "labels.weight = 1.0 must be in [0, 0]"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("features", "digits:smoke", word)
