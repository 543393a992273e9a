"""VERA's and JEM's experiment from end to end, its configs, and what it must reach (slow)."""

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
from experiments.build.vera import make_arm
from experiments.vera import EXPERIMENT

FOLDER = Path(__file__).parents[2] / "configs" / "vera"
SPECS = {
    "digits": ((64,), 10),
    "against_jem": ((64,), 10),
    "breast_cancer": ((30,), 2),
    "crop": ((46,), 24),
    "electricdevices": ((96,), 7),
    "hepmass": ((15,), 2),
    "mnist": ((28, 28, 1), 10),
    "svhn": ((32, 32, 3), 10),
    "cifar10": ((32, 32, 3), 10),
}
PATHS = sorted(p for p in FOLDER.glob("*.py") if p.stem != "common")
PUBLISHED = [
    ("hepmass", (15,), 2, 1_018_252),
    ("hepmass", (174,), 7, 1_178_507),
    ("hepmass", (523,), 6, 1_527_256),
    ("mnist", (28, 28, 1), 10, 1_789_260),
    ("jem_cifar10", (32, 32, 3), 10, 36_471_338),
]
"""(config, examples, classes, parameters of the net of logits): arXiv 2010.04230, for HEPMASS, CROP and HUMAN; of
WRN-28-10 without normalisation (tests/nets)."""


def load(path):
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    return module


def main(*words):
    cli.main(EXPERIMENT, ["vera", *map(str, words)])


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    """Builds at full size, every arm of it."""
    module = load(path)
    assert "python -m experiments.vera --config=configs/" in module.__doc__ or path.stem == "digits"
    shape, num_classes = SPECS[path.stem.removeprefix("jem_")]
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        made = DataSpec("any", shape, 10_000, 1000, num_classes, 255 if len(shape) == 3 else None)
        for name in (config.method, *config.evaluate.arms):
            make_arm(config, made, name)
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


def check_figures(results):
    """All figures are finite, and those of every arm stand beside one of ours."""
    metrics, baselines = results["metrics"], results["baselines"]
    assert all(set(found) <= set(metrics) for found in baselines.values())
    assert np.isfinite([value for found in (metrics, *baselines.values()) for value in found.values()]).all()


def count(tree):
    """Parameters."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(("name", "shape", "num_classes", "expected"), PUBLISHED)
def test_published_numbers_of_parameters(name, shape, num_classes, expected):
    config = load(FOLDER / f"{name}.py").get_config()
    config.labels.num_seeds = 1
    made = DataSpec("any", shape, 10_000, 1000, num_classes, 255 if len(shape) == 3 else None)
    part = {"x": jax.ShapeDtypeStruct((8, *shape), np.float32), "label": jax.ShapeDtypeStruct((8,), np.int32)}
    state = jax.eval_shape(make_arm(config, made, config.method).init, jax.random.key(0), part)
    assert count(state.params["energy"]) == expected
    if name == "hepmass":  # noise-500-500-500-columns, biases for the offsets of the batch normalisation
        columns = shape[0]
        assert count(state.params["generator"]["net"]) == 128 * 500 + 2 * 500**2 + 500 * columns + 3 * 500 + columns


def test_what_a_run_writes(tmp_path):
    main(f"--config={FOLDER}/digits.py:smoke", f"--workdir={tmp_path}")
    found = json.loads((tmp_path / "results.json").read_text())
    metrics, baselines = found["metrics"], found["baselines"]
    assert {"accuracy_mean", "accuracy_sd", "ece", "nll", "seconds", "diverged", "energy_refined"} <= set(metrics)
    assert {"auroc_uniform_energy", "auroc_between_max_prob", "auroc_between_grad_norm"} <= set(metrics)
    assert {"accuracy_mean", "accuracy_sd", "nll", "ece", "diverged", "seconds"} == set(baselines["supervised"])
    assert set(baselines) == {"supervised", "refined", "real"}
    assert {"frechet_pixels"} == set(baselines["refined"]) == set(baselines["real"])
    check_figures(found)
    assert metrics["diverged"] == 0
    for name in ("arms", "samples", "samples_refined", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5
    main("--mode=sample", f"--workdir={tmp_path}")
    assert np.load(tmp_path / "samples.npy").shape == (100, 64)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.method=verra", "did you mean 'vera'?"),
        ("--config.model.energy.name=cnn", "unknown name 'cnn'"),
        ("--config.model.energy.name=wide_resnet", "wide_resnet needs images"),
        ("--config.model.entropy_weight=-1.0", "entropy_weight = -1.0 must be ≥ 0"),
        ("--config.labels.per_class=1000", "1000 labels a class must be at least 1"),
        ("--config.data.name=8gaussians", "needs labels"),
        ("--config.model.posterior.name=exact", "unknown name 'exact'; known: hmc, importance"),
    ],
)
def test_bad_input_is_one_line(word, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(f"--config={FOLDER}/digits.py:smoke", word, f"--workdir={tmp_path}/run")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10", "jem_cifar10", "mnist", "jem_digits", "against_jem"])
def test_others(name, tmp_path):
    """Every other kind of net and arm, on fake images where its data are not at hand."""
    main(f"--config={FOLDER}/{name}.py:smoke", f"--workdir={tmp_path}")
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["method"] == ("jem" if name.startswith("jem_") else "vera")
    check_figures(found)


@pytest.mark.slow
def test_hmc_variant(tmp_path):
    words = ["--config.model.posterior.name=hmc", "--config.evaluate.arms=()", f"--workdir={tmp_path}"]
    main(f"--config={FOLDER}/digits.py:smoke", *words)
    assert (tmp_path / "results.json").exists()


@pytest.mark.slow
def test_verdict(tmp_path):
    """Minutes: not below the tuned net that learns from labels alone."""
    words = ["--config.evaluate.arms=('supervised',)", "--config.seed=1", f"--workdir={tmp_path}"]
    main(f"--config={FOLDER}/digits.py", *words)
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["metrics"]["accuracy_mean"] >= found["baselines"]["supervised"]["accuracy_mean"]
    assert found["metrics"]["diverged"] == 0
