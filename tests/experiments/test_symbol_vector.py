"""The symbol-vector experiment: every config builds, has the published numbers, and a small one runs end to end."""

import functools
import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments.symbol_vector import EXPERIMENT, baselines, build

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "configs" / "symbol_vector"
PATHS = [
    pytest.param(p, marks=[pytest.mark.slow] if p.stem == "cifar10" else [])  # svhn's nets, twice as wide
    for p in sorted(FOLDER.glob("*.py"))
    if p.stem != "common"
]
SHAPES = {"digits": (64,), "breast_cancer": (30,), "wine": (13,), "crop": (46,), "electric_devices": (96,)}
SHAPES |= {"hepmass": (15,), "mnist": (28, 28, 1), "svhn": (32, 32, 3), "cifar10": (32, 32, 3)}
LENGTH = 41


def load(name):
    path = FOLDER / f"{name}.py"
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(name, path))
    found.loader.exec_module(module)
    return module


@functools.cache  # of a wide residual net it takes seconds
def abstract(name, variant="", num_classes=10):
    """(config, abstract state, DataSpec) of a config at full size."""
    config = load(name).get_config(variant)
    shape = SHAPES.get(name, (LENGTH,))
    words = None if name in SHAPES else config.data.vocabulary_size
    data_spec = DataSpec("any", shape, 10_000, 1000, num_classes, None, words)
    x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.int32 if words else np.float32)
    batch = {"x": x, "index": jax.ShapeDtypeStruct((config.train.batch_size,), np.int32)}
    label = jax.ShapeDtypeStruct((config.train.batch_size,), np.int32)
    if config.labels.weight:
        seeds = lambda a: jax.ShapeDtypeStruct((config.labels.num_seeds, *a.shape), a.dtype)
        batch["labelled"] = {"x": seeds(x), "label": seeds(label)}
    return config, jax.eval_shape(build(config, data_spec).init, jax.random.key(0), batch), data_spec


def count(tree):
    """Parameters of one draw."""
    return sum(int(np.prod(leaf.shape[1:])) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_config(path):
    assert "python -m experiments.symbol_vector" in load(path.stem).__doc__
    for variant in ("", "smoke"):
        config, state, data_spec = abstract(path.stem, variant)
        to_settings(config)
        assert set(state.params) == {"energy", "generator", "encoder"}
        assert set(baselines(config, data_spec)) == set(config.evaluate.arms)
    with pytest.raises(ValueError, match="unknown variant"):
        load(path.stem).get_config("tiny")


def test_published_numbers_of_parameters():
    params = abstract("svhn")[1].params
    assert count(params["generator"]) == 3_447_683
    assert count(params["energy"]) == 100 * 200 + 200 + 200 * 200 + 200 + 200 * 10 + 10
    params = abstract("agnews", num_classes=4)[1].params
    words, units = 30_001, 2000
    hidden = units * units + units
    assert count(params["energy"]) == 100 * 100 + 100 + 100 * 100 + 100 + 100 * 4 + 4
    assert count(params["generator"]) == 100 * units + units + 2 * hidden + units * words + words
    assert count(params["encoder"]) == words * units + units + hidden + units * 200 + 200
    params = abstract("ptb")[1].params
    assert count(params["energy"]) == 40 * 200 + 200 + 200 * 200 + 200 + 200 * 20 + 20


def test_published_settings():
    config = load("agnews").get_config()
    assert (config.labels.weight, config.model.mutual_information_weight, config.train.batch_size) == (200, 100, 200)
    assert (config.sampler.prior.num_steps, config.sampler.prior.step_size) == (60, 0.4)
    assert [config.optimizer[g].learning_rate for g in ("energy", "generator", "encoder")] == [2e-5, 1e-4, 1e-4]
    config = load("ptb").get_config()
    assert (config.model.mutual_information_weight, config.model.free_nats, config.model.latent_dim) == (50, 1, 40)
    assert (config.sampler.prior.num_steps, config.sampler.prior.step_size) == (40, 0.5)


def main(*words):
    cli.main(EXPERIMENT, ["symbol_vector", *map(str, words)])


def results(workdir):
    return json.loads((workdir / "results.json").read_text())


def test_digits(tmp_path):
    word = "--config.evaluate.arms=('supervised',)"  # the others are compiled by a slow test
    main(f"--config={FOLDER}/digits.py:smoke", word, f"--workdir={tmp_path}")
    found = results(tmp_path)
    metrics, others = found["metrics"], found["baselines"]
    expected = {"accuracy_mean", "accuracy_sd", "mutual_information_test", "nll", "controlled_accuracy"}
    assert expected | {"gain_over_supervised_lowest", "reconstruction_mse"} <= set(metrics)
    assert set(others) == {"supervised"} and set(others["supervised"]) == {"accuracy_mean", "accuracy_sd"}
    assert all(np.isfinite(v) for v in (*metrics.values(), *others["supervised"].values()))
    assert list(found["pictures"]) == ["arms.png", "by_symbol.png", "latent.png", "health.png"]
    assert all((tmp_path / name).exists() for name in found["pictures"])


@pytest.mark.slow
def test_all_arms(tmp_path):
    main(f"--config={FOLDER}/wine.py:smoke", f"--workdir={tmp_path}")
    found = results(tmp_path)["baselines"]
    assert set(found["supervised"]) == {"accuracy_mean", "accuracy_sd"}
    for arm in ("no_energy", "no_mutual_information"):
        assert set(found[arm]) == {"accuracy_mean", "accuracy_sd", "nll"}
    main("--mode=sample", f"--workdir={tmp_path}")
    assert np.load(tmp_path / "samples.npy").shape == (100, 13)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bag", "sequence"])
def test_sentences_without_labels(name, tmp_path):
    main(f"--config={FOLDER}/{name}.py:smoke", f"--workdir={tmp_path}")
    found = results(tmp_path)
    assert {"mutual_information_test", "nll", "reconstruction_nll"} <= set(found["metrics"])
    assert "symbol 1" in (tmp_path / "by_symbol.txt").read_text()


@pytest.mark.slow
def test_images(tmp_path):
    words = ("--config.evaluate.arms=()", "--config.evaluate.num_samples=0")
    main(f"--config={FOLDER}/svhn.py:smoke", *words, f"--workdir={tmp_path}")
    assert (tmp_path / "by_symbol.png").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.labels.per_class=900", "900 labels a class must be at least 1"),
        ("--config.data.name=8gaussians", "needs labels"),
        ("--config.data.name=pydoc", "needs labels"),
        ("--config.labels.weight=0.0", "model.num_symbols = 0 must be at least 2"),
        ("--config.model.encoder.name=resnet", "unknown name 'resnet'"),
        ("--config.model.encoder.name=conv", "needs squares with sides"),
        ("--config.model.text=bag", "holds no sentences"),
        ("--config.evaluate.arms=('nothing',)", "unknown name 'nothing'"),
        ("--config.model.kl.largest=2.0", "must be in [0, 1]"),
    ],
)
def test_bad_input_is_one_line(word, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(f"--config={FOLDER}/digits.py:smoke", word, f"--workdir={tmp_path}/run")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
