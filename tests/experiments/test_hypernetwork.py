"""The hypernetwork's experiment: every config builds, has the published numbers, and a small one runs end to end."""

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments.hypernetwork import EXPERIMENT, build
from experiments.measure.populations import path_figures, population_figures

ROOT = Path(__file__).parents[2]
PATHS = sorted(p for p in (ROOT / "configs" / "hypernetwork").glob("*.py") if p.stem != "common")
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "mnist_cpu": (28, 28, 1), "cifar10": (32, 32, 3)}


def load(path):
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    return module


def num_params(config, shape):
    method = build(config, DataSpec("any", shape, 10_000, 1000, 10, 255))
    batch = {"x": jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)}
    batch["label"] = jax.ShapeDtypeStruct((config.train.batch_size,), np.int32)
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state.params["hypernet"]))


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    module = load(path)
    assert "python -m experiments.hypernetwork" in module.__doc__
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        found = num_params(config, SHAPES[path.stem])
        if path.stem.startswith("mnist") and not variant:
            assert found == 633_640


def main(*words):
    cli.main(EXPERIMENT, ["hypernetwork", *map(str, words)])


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


@pytest.mark.parametrize("no_diversity", [False, pytest.param(True, marks=pytest.mark.slow)])  # one more to compile
def test_digits(no_diversity, tmp_path):
    word = f"--config.evaluate.no_diversity={no_diversity}"
    main(f"--config={ROOT}/configs/hypernetwork/digits.py:smoke", word, f"--workdir={tmp_path}")
    found = results(tmp_path)
    metrics, baselines = found["metrics"], found["baselines"]
    assert {"accuracy_single_mean", "accuracy_ensemble", "accuracy_vote", "accuracy_distilled"} <= set(metrics)
    assert {"path_z_middle", "path_straight_middle", "fgsm_ensemble", "entropy", "disagreement"} <= set(metrics)
    assert set(baselines) == {"direct"} | ({"no_diversity"} if no_diversity else set())
    assert {"accuracy_single_mean", "path_straight_middle", "fgsm_single"} <= set(baselines["direct"])
    assert not no_diversity or {"entropy", "disagreement"} <= set(baselines["no_diversity"])
    assert all(set(figures) <= set(metrics) for figures in baselines.values())
    assert all(np.isfinite(list(figures.values())).all() for figures in (metrics, *baselines.values()))
    assert list(found["pictures"]) == ["accuracies.png", "paths_and_attacks.png", "health.png"]
    assert all((tmp_path / name).exists() for name in found["pictures"])
    main("--mode=sample", f"--workdir={tmp_path}")
    assert np.load(tmp_path / "samples.npy").shape == (100, 2410)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_images(name, tmp_path):
    """Convolutional targets on fake images, all but their size as in the configs."""
    main(f"--config={ROOT}/configs/hypernetwork/{name}.py:smoke", f"--workdir={tmp_path}")
    found = results(tmp_path)
    assert all(np.isfinite(list(v.values())).all() for v in (found["metrics"], *found["baselines"].values()))


def test_figures_of_a_population():
    """Three networks of which any two are right on each example: ensembles are better than their members."""
    answers = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    probs = np.where(answers[..., None] == np.arange(2), 0.7, 0.3)
    found = population_figures(probs, np.zeros(3, int), 3)
    assert found["accuracy_single_mean"] == pytest.approx(2 / 3) and found["accuracy_single_sd"] == 0
    assert found["accuracy_ensemble"] == found["accuracy_vote"] == 1
    assert found["disagreement"] == pytest.approx(2 / 3)
    accuracies = np.array([[0.9, 0.5, 0.8], [0.9, 0.7, 0.3]])
    found = path_figures({"": {"z": accuracies}})[""]
    assert found == pytest.approx({"path_z_middle": 0.6, "path_z_lowest": 0.4})


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.train.batch_size=18", "must be a multiple of model.num_latents = 4"),
        ("--config.model.target.name=cnn", "unknown name 'cnn'"),
        ("--config.model.hypernet.widths=(3,)", "one per layer of the target, which has 2"),
        ("--config.model.hypernet.last_code=all", "unknown name 'all'"),
        ("--config.model.norm=l3", "unknown norm 'l3'"),
        ("--config.data.name=8gaussians", "classifiers need labels"),
        ("--config.evaluate.epsilons=(-1.0,)", "must be at least 0"),
    ],
)
def test_bad_input_is_one_line(word, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(f"--config={ROOT}/configs/hypernetwork/digits.py:smoke", word, f"--workdir={tmp_path}/run")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
