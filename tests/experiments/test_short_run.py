"""Short-run MCMC from end to end: what a run writes, that it repeats itself, and every config."""

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
from experiments.short_run import EXPERIMENT, build

ROOT = Path(__file__).parents[2]
PATHS = sorted(p for p in (ROOT / "configs" / "short_run").glob("*.py") if p.stem != "common")
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3), "celeba64": (64, 64, 3)}
PARAMETERS = {
    "digits": 64 * 256 + 256 + 256 * 256 + 256 + 257,
    "mnist": 784 * 512 + 512 + 512 * 512 + 512 + 513,
    "cifar10": 2_763_393,
    "celeba64": 2_763_393 - 512 * 16 - 1 + (512 * 512 * 16 + 512) + 512 * 16 + 1,  # one more layer of 512 features
}


def main(*words):
    cli.main(EXPERIMENT, ["short_run", *map(str, words)])


def figures(workdir):
    results = json.loads((workdir / "results.json").read_text())
    return results["metrics"], results["baselines"]


def test_what_a_run_writes(tmp_path):
    """Ten steps on digits; evaluating again gives the same figures."""
    words = [f"--config={ROOT}/configs/short_run/digits.py:smoke", f"--workdir={tmp_path}"]
    main(*words)
    metrics, baselines = figures(tmp_path)
    spaces, reconstruction = {"frechet_pixels", "frechet_features"}, {"reconstruction_mse", "latent_rms"}
    assert set(metrics) == {"class_share_min", "class_share_max", "energy_gap", "r_s"} | spaces | reconstruction
    of_arms = dict.fromkeys(("quarter_steps", "noise", "real"), spaces) | {"untrained": spaces | reconstruction}
    assert {arm: set(found) for arm, found in baselines.items()} == of_arms
    assert all(np.isfinite(list(found.values())).all() for found in (metrics, *baselines.values()))
    assert 0 <= metrics["class_share_min"] <= 0.1 <= metrics["class_share_max"] <= 1
    for name in ("samples", "interpolation", "chain", "reconstructions", "health"):
        picture = Image.open(tmp_path / f"{name}.png")
        assert picture.width >= 600 and np.asarray(picture).std() > 5
    main(*words, "--mode=evaluate")
    assert figures(tmp_path) == (metrics, baselines)


@pytest.mark.slow  # with labels it is tested above
def test_images_without_labels(tmp_path):
    """There are no classes to count, and no features to compare in."""
    np.savez(tmp_path / "x.npz", x_train=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8))
    words = [f"--config={ROOT}/configs/short_run/digits.py:smoke", f"--config.data.name=npz:{tmp_path}/x.npz"]
    main(*words, f"--workdir={tmp_path}/run")
    metrics, baselines = figures(tmp_path / "run")
    assert set(baselines["real"]) == {"frechet_pixels"}
    assert not any("class" in name or "features" in name for found in (metrics, *baselines.values()) for name in found)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    """Builds at full size, says how it is run, and has its number of parameters and the published chain."""
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    assert "python -m experiments.short_run" in module.__doc__
    shape = SHAPES[path.stem]
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        method = build(config, DataSpec("any", shape, 10_000, 1000, 10, 255))
        x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
        state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
        assert jax.eval_shape(method.train_step, state, {"x": x})[1].keys() >= {"d_s", "r_s"}
        assert set(params := state.params) == {"energy"}
        chain = config.sampler.chain
        # x' = x - 1 · ∇E + 0.01 ε: T = s² / (2 · 1).
        assert (chain.step_size, chain.temperature) == (0.01, 5e-5)
        if not variant:
            assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params)) == PARAMETERS[path.stem]
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


def test_published_settings_of_cifar10():
    module_path = ROOT / "configs/short_run/cifar10.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location("cifar10", module_path))
    found.loader.exec_module(module)
    config = module.get_config()
    assert (config.sampler.chain.num_steps, config.train.batch_size, config.train.num_steps) == (100, 64, 100_000)
    assert (config.model.data_noise, config.model.energy.slope, config.model.energy.width) == (0.03, 0.2, 64)
    optimizer = config.optimizer.energy
    assert (optimizer.learning_rate, optimizer.b1, optimizer.b2, optimizer.schedule) == (1e-4, 0.9, 0.999, "constant")
    assert (config.initial.noise, config.initial.scale) == ("uniform", 1.0)


def test_sizes_that_the_energy_does_not_take_are_refused(tmp_path, capsys):
    """28 x 28 pixels and a table with convolutions: one line each, and nothing trained."""
    np.savez(tmp_path / "images.npz", x_train=np.zeros((20, 28, 28, 1), np.uint8))
    np.savez(tmp_path / "table.npz", x_train=np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32))
    config = f"--config={ROOT}/configs/short_run/cifar10.py:smoke"
    for name, message in {
        "images": "size must be 8, 16, 32, 64 ..., got 28; resize them",
        "table": "needs square images",
    }.items():
        with pytest.raises(SystemExit):
            main(config, f"--config.data.name=npz:{tmp_path}/{name}.npz", f"--workdir={tmp_path}/run")
        assert message in capsys.readouterr().err
