"""Features of a trained energy: rows by class, the experiment end to end, the SVHN protocol's shapes."""

import json
from pathlib import Path

import numpy as np
import pytest

from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from experiments.features import EXPERIMENT, rows_by_class

ROOT = Path(__file__).parents[2]


def main(name, workdir, *words):
    cli.main(
        EXPERIMENT, ["features", f"--config={ROOT}/configs/features/{name}.py:smoke", f"--workdir={workdir}", *words]
    )


def test_rows_are_balanced():
    labels = np.repeat([0, 1, 2], [50, 20, 30])
    rows = rows_by_class(labels, 30, 0)
    assert len(set(rows)) == 30 and np.bincount(labels[rows]).tolist() == [10, 10, 10]
    assert set(rows) != set(rows_by_class(labels, 30, 1))
    assert len(rows_by_class(labels, 0, 0)) == 100
    with pytest.raises(ConfigError, match="the rarest class has 20"):
        rows_by_class(labels, 90, 0)


def test_digits(tmp_path, capsys):
    """An energy hardly trained: its features tell digits apart all the same, as pixels do; wrong input is one line."""
    main("digits", tmp_path)
    found = json.loads((tmp_path / "results.json").read_text())
    kinds = {f"error_{num}_labels" for num in (100, 200, 1437)} | {"num_features"}
    assert set(found["metrics"]) == kinds
    others = found["baselines"]
    assert {arm: set(names) for arm, names in others.items()} == dict.fromkeys(("untrained", "pixels"), kinds)
    # Of ten classes: chance is .9. 4 x 4 x 16 + 4 x 4 x 32 features.
    for figures in (found["metrics"], *others.values()):
        assert all(0 < value < 0.4 for name, value in figures.items() if name.startswith("error"))
    assert found["metrics"]["num_features"] == 768 and others["pixels"]["num_features"] == 64
    capsys.readouterr()
    for word, message in (
        ("--config.data.name=8gaussians", "no labelled images"),
        ("--config.evaluate.probe.num_labels=(15,)", "15 is no multiple of 10"),
        ("--config.source=flow", "experiments.flow declares no network of an energy"),
        ("--config.source=features", "experiments.features declares no network of an energy"),
        ("--config.source=glow", "unknown name 'glow'"),
        ("--config.labels.weight=1.0", "labels.weight = 1.0 must be in [0, 0]"),
    ):
        with pytest.raises(SystemExit):
            main("digits", tmp_path / "wrong", word)
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_svhn(tmp_path):
    """Glow and a ConvNet on small fake images."""
    main("svhn", tmp_path)
    assert {"metrics", "baselines"} <= set(json.loads((tmp_path / "results.json").read_text()))
