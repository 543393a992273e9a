"""The flow's experiment: every config, and end to end in the plane and on images."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.settings import to_settings
from experiments.build.flows import prepare
from experiments.build.trained import restore
from experiments.flow import EXPERIMENT

ROOT = Path(__file__).parents[2]
PATHS = sorted(p for p in (ROOT / "configs" / "flow").glob("*.py") if p.stem != "common")
SPECS = {
    "eight_gaussians": DataSpec("any", (2,), 10_000, 1000, None, None),
    "digits": DataSpec("any", (8, 8, 1), 1437, 360, 10, 16),
    "mnist": DataSpec("any", (28, 28, 1), 10_000, 1000, 10, 255),
    **{name: DataSpec("any", (32, 32, 3), 10_000, 1000, 10, 255) for name in ("cifar10", "svhn", "celeba32")},
}


def main(*words):
    cli.main(EXPERIMENT, ["flow", *map(str, words)])


def results(workdir):
    found = json.loads((workdir / "results.json").read_text())
    return found["metrics"], found["baselines"]


def load(path):
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    module, spec = load(path), SPECS[path.stem]
    assert "python -m experiments.flow" in module.__doc__
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        if path.stem in ("svhn", "celeba32"):  # in all but the name of the data, cifar10
            continue
        method = EXPERIMENT.build(config, spec)
        x = jax.ShapeDtypeStruct((config.train.batch_size, *spec.shape), np.float32)
        params = jax.eval_shape(method.init, jax.random.key(0), {"x": x}).params
        assert set(params) == {"flow"}
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


def test_published_architecture_of_cifar10():
    fields = load(ROOT / "configs/flow/cifar10.py").get_config().model.flow
    assert (fields.name, fields.num_levels, fields.num_steps, fields.width) == ("glow", 3, 32, 512)


def test_in_the_plane(tmp_path):
    """Figures and pictures; the trained run can be restored, layers without parameters and all."""
    words = [f"--config={ROOT}/configs/flow/eight_gaussians.py:smoke", f"--workdir={tmp_path}"]
    main(*words)
    metrics, baselines = results(tmp_path)
    assert set(metrics) == {"test_log_likelihood", "train_log_likelihood", "kl_true_flow"}
    assert set(baselines) == {"gaussian", "true"}
    assert all(set(found) == {"test_log_likelihood"} for found in baselines.values())
    assert all(np.isfinite(v) for found in (metrics, *baselines.values()) for v in found.values())
    # Of 64 points: the law's entropy is 2.829 nats, its log-density has an sd of 1.
    assert abs(baselines["true"]["test_log_likelihood"] + 2.829) < 0.5
    for name in ("landscape", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5
    main("--mode=sample", *words)
    assert np.load(tmp_path / "samples.npy").shape == (100, 2)
    # What rests on a flow can take this one.
    config = load(ROOT / "configs/flow_contrastive/eight_gaussians.py").get_config("smoke")
    config.flow.run = str(tmp_path)
    with pytest.raises(ConfigError, match="affine_coupling"):
        prepare(config, SPECS["eight_gaussians"])
    config.flow.model.flow = load(ROOT / "configs/flow/eight_gaussians.py").get_config().model.flow
    taken, (_, theirs) = prepare(config, SPECS["eight_gaussians"])["flow"], restore(tmp_path)
    jax.tree.map(np.testing.assert_array_equal, taken.state.params, theirs.state.params)


@pytest.mark.slow  # minutes of compilation
def test_glow_on_fake_images_of_the_published_size(tmp_path):
    """Uniform noise of 8 bits takes 8 bits/dim; after two steps a narrow Glow is near the Gaussian's 8.1."""
    main(f"--config={ROOT}/configs/flow/cifar10.py:smoke", f"--workdir={tmp_path}")
    metrics, _ = results(tmp_path)
    assert set(metrics) == {f"{a}_{b}" for a in ("test", "train") for b in ("log_likelihood", "bits_per_dim")}
    assert 7.9 < metrics["test_bits_per_dim"] < 9.0
    for name in ("samples", "samples_cool", "samples/0000001"):
        assert Image.open(tmp_path / f"{name}.png").width > 300


def test_a_wrong_flow_is_one_line(tmp_path, capsys):
    config = f"--config={ROOT}/configs/flow/eight_gaussians.py:smoke"
    for word, message in [("spline", "unknown flow 'spline'"), ("glow", "no option num_layers")]:
        with pytest.raises(SystemExit):
            main(config, f"--config.model.flow.name={word}", f"--workdir={tmp_path}/run")
        assert message in capsys.readouterr().err


def test_a_number_out_of_its_limits_is_one_line(tmp_path, capsys):
    """Limits of this experiment, and general ones."""
    for field, value in [
        ("evaluate.temperature", -1.0),
        ("optimizer.flow.clip_norm", -1.0),
        ("evaluate.max_examples", 1),
    ]:
        with pytest.raises(SystemExit) as stopped:
            main(
                f"--config={ROOT}/configs/flow/eight_gaussians.py:smoke",
                f"--config.{field}={value}",
                f"--workdir={tmp_path}",
            )
        assert stopped.value.code == 2
        assert f"error: {field} = {value} must be at least" in capsys.readouterr().err


def test_a_flow_is_not_taken_from_another_experiment(monkeypatch):
    theirs = load(ROOT / "configs/flow/eight_gaussians.py").get_config("smoke")
    theirs.experiment = "nice_likelihood"
    monkeypatch.setattr("experiments.build.flows.restore", lambda workdir: (theirs, None))
    config = load(ROOT / "configs/flow_contrastive/eight_gaussians.py").get_config("smoke")
    config.flow.run = "there"
    with pytest.raises(ConfigError, match="flow.run = there is a run of experiments.nice_likelihood, not of a flow"):
        prepare(config, SPECS["eight_gaussians"])
