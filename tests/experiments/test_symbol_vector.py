"""The symbol-vector experiment: what is learned, the published numbers, what a run writes, and what is refused."""

import functools
from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from experiments.symbol_vector import baselines, build

FOLDER = Path(__file__).parents[2] / "configs" / "symbol_vector"
PATHS = [
    pytest.param(p, marks=[pytest.mark.slow] if p.stem in ("cifar10", "svhn_leftover") else [])  # svhn's nets, wider
    for p in sorted(FOLDER.glob("*.py"))
    if p.stem != "common"
]
SHAPES = {"digits": (64,), "breast_cancer": (30,), "wine": (13,), "crop": (46,), "electric_devices": (96,)}
SHAPES |= {"hepmass": (15,), "miniboone": (43,), "protein": (9,), "mnist": (28, 28, 1)}
SHAPES |= dict.fromkeys(("eight_gaussians", "eight_gaussians_released", "pinwheel", "pinwheel_released"), (2,))
SHAPES |= dict.fromkeys(("svhn", "svhn_leftover", "cifar10"), (32, 32, 3))
LENGTH = 41


def load(name):
    return import_module(f"configs.symbol_vector.{name}")


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
def test_what_is_learned(path):
    for variant in ("", "smoke"):
        config, state, data_spec = abstract(path.stem, variant)
        assert set(state.params) == {"energy", "generator", "encoder"}
        assert set(baselines(config, data_spec)) == set(config.evaluate.arms)


def test_published_numbers_of_parameters():
    params = abstract("svhn")[1].params
    assert count(params["generator"]) == 3_447_683
    assert count(params["energy"]) == 100 * 200 + 200 + 200 * 200 + 200 + 200 * 10 + 10
    params = abstract("agnews", num_classes=4)[1].params
    words, units = 30_001, 2000
    hidden = units * units + units
    assert count(params["energy"]) == 100 * 200 + 200 + 200 * 200 + 200 + 200 * 4 + 4
    assert count(params["generator"]) == 100 * units + units + 2 * hidden + units * words + words
    assert count(params["encoder"]) == words * units + units + hidden + units * 200 + 200
    params = abstract("ptb")[1].params
    assert count(params["energy"]) == 40 * 200 + 200 + 200 * 200 + 200 + 200 * 20 + 20
    # Embeddings, which are the softmax's weights too; the gates of a word and z, and of the state; the first state.
    # PyTorch's GRU has a second bias of the gates, 1,536 parameters more.
    assert count(params["generator"]) == 10_000 * 512 + (512 + 40 + 512) * 1536 + 1536 + 40 * 512 == 6_776_320


def test_published_settings():
    config = load("agnews").get_config()
    assert (config.labels.weight, config.model.mutual_information_weight, config.train.batch_size) == (200, 100, 200)
    assert (config.sampler.prior.num_steps, config.sampler.prior.step_size) == (100, 0.4)
    assert [config.optimizer[g].learning_rate for g in ("energy", "generator", "encoder")] == [1e-5, 1e-4, 1e-4]
    grid = load("agnews_grid").get_config()
    assert (grid.sampler.prior.num_steps, grid.model.energy.widths) == (60, (100, 100))
    config = load("ptb").get_config()
    assert (config.model.mutual_information_weight, config.model.free_nats, config.model.latent_dim) == (50, 1, 40)
    assert (config.sampler.prior.num_steps, config.sampler.prior.step_size) == (40, 0.5)
    assert (config.model.joint_clip_norm, config.model.decoder.tied, config.optimizer.encoder.clip_norm) == (
        0.5,
        True,
        0,
    )


@pytest.mark.slow
def test_what_a_run_writes(run):
    found = run("symbol_vector", "digits:smoke", "--config.evaluate.arms=('supervised',)")
    own = {"accuracy_mean", "accuracy_sd", "mutual_information_test", "nll", "controlled_accuracy"}
    assert own | {"gain_over_supervised_lowest", "reconstruction_mse"} <= set(found.metrics)
    assert found.names == {"supervised": {"accuracy_mean", "accuracy_sd"}}
    assert list(found.results["pictures"]) == ["arms.png", "by_symbol.png", "latent.png", "health.png"]


@pytest.mark.slow
def test_all_arms(takes_minutes, run):
    found = run("symbol_vector", "wine:smoke")
    assert found.names["supervised"] == {"accuracy_mean", "accuracy_sd"}
    for arm in ("no_energy", "no_mutual_information"):
        assert found.names[arm] == {"accuracy_mean", "accuracy_sd", "nll"}
    run("symbol_vector", None, "--mode=sample", folder=found.folder)
    assert np.load(found.folder / "samples.npy").shape == (100, 13)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bag", "sequence"])
def test_sentences_without_labels(takes_minutes, name, run):
    found = run("symbol_vector", f"{name}:smoke")
    assert {"mutual_information_test", "nll", "reconstruction_nll"} <= set(found.metrics)
    assert "symbol 1" in (found.folder / "by_symbol.txt").read_text()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--config.labels.per_class=900", "900 labels a class must be at least 1"),
        ("--config.data.name=8gaussians", "has no labels"),
        ("--config.data.name=pydoc", "has no labels"),
        ("--config.labels.weight=0.0", "model.num_symbols = 0 must be at least 2"),
        ("--config.model.encoder.name=resnet", "unknown name 'resnet'"),
        ("--config.model.encoder.name=conv", "needs squares with sides"),
        ("--config.model.text=bag", "needs model.text = '', not 'bag'"),
        ("--config.evaluate.arms=('nothing',)", "unknown name 'nothing'"),
        ("--config.model.kl.largest=2.0", "must be in [0, 1]"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("symbol_vector", "digits:smoke", word)
