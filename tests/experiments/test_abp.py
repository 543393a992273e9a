"""Alternating back-propagation's experiment from end to end, its configs, and its slow verdict."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments.abp import EXPERIMENT, build

ROOT = Path(__file__).parents[2]
SHAPES = {"digits": (8, 8, 1), "svhn": (32, 32, 3)}


def main(*words):
    cli.main(EXPERIMENT, ["abp", *map(str, words)])


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


def test_what_a_run_writes(tmp_path):
    main(f"--config={ROOT}/configs/abp/digits.py:smoke", f"--workdir={tmp_path}")
    found = results(tmp_path)
    frechet = [f"frechet_{space}" for space in ("pixels", "features")]
    inpainting = {"inpainting_mse", "inpainting_mse_of_mean"}
    assert set(found["metrics"]) == {"test_mse", "train_mse", *inpainting, *frechet}
    assert {arm: set(figures) for arm, figures in found["baselines"].items()} == {
        "pca": {"test_mse"},
        "short_run": {"test_mse", *frechet},
        "real": set(frechet),
        "mean_fill": {"inpainting_mse_of_mean"},
    }
    assert np.isfinite([v for arm in (found["metrics"], *found["baselines"].values()) for v in arm.values()]).all()
    for name in ("samples", "reconstructions", "interpolation", "inpainting", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5


@pytest.mark.parametrize("name", SHAPES)
def test_config(name):
    """Builds at full size; the bank has a chain for every example."""
    path = ROOT / "configs" / "abp" / f"{name}.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(name, path))
    found.loader.exec_module(module)
    assert "python -m experiments.abp" in module.__doc__
    shape = SHAPES[name]
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        method = build(config, DataSpec("any", shape, 1000, 100, 10, 255))
        x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
        state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
        assert set(state.params) == {"generator"}
        assert state.extra["chains"].shape == (1000, config.model.latent_dim)
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


@pytest.mark.slow
def test_verdict(tmp_path):
    """Minutes: a better reconstruction than PCA's with as many components, and samples nearer than short-run's."""
    main(f"--config={ROOT}/configs/abp/digits.py", "--config.seed=1", f"--workdir={tmp_path}")
    found = results(tmp_path)
    metrics, baselines = found["metrics"], found["baselines"]
    assert metrics["test_mse"] < 0.5 * baselines["pca"]["test_mse"]
    assert metrics["train_mse"] < metrics["test_mse"]
    assert metrics["frechet_pixels"] < baselines["short_run"]["frechet_pixels"]
