"""VERA's and JEM's experiment: its arms, what a run writes and refuses, and what it must reach (slow)."""

from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from experiments.build.vera import make_arm

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
    "cifar100": ((32, 32, 3), 100),
}
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "common")
PUBLISHED = [
    ("hepmass", (15,), 2, 1_018_252),
    ("hepmass", (174,), 7, 1_178_507),
    ("hepmass", (523,), 6, 1_527_256),
    ("mnist", (28, 28, 1), 10, 1_789_260),
    ("jem_cifar10", (32, 32, 3), 10, 36_471_338),
    ("cifar10", (32, 32, 3), 10, 36_471_338),
]
"""(config, examples, classes, parameters of the net of logits): arXiv 2010.04230, for HEPMASS, CROP and HUMAN; of
WRN-28-10 without normalisation (tests/nets)."""


def spec(shape, num_classes):
    return DataSpec("any", shape, 10_000, 1000, num_classes, 255 if len(shape) == 3 else None)


def get_config(name, variant=""):
    return import_module(f"configs.vera.{name}").get_config(variant)


@pytest.mark.parametrize("variant", ["", "smoke"])
@pytest.mark.parametrize("name", NAMES)
def test_every_arm_builds(name, variant):
    config = get_config(name, variant)
    for arm in (config.method, *config.evaluate.arms):
        method = make_arm(config, spec(*SPECS[name.removeprefix("jem_")]), arm)
        assert "class_logits" in method.functions


def count(tree):
    """Parameters."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(("name", "shape", "num_classes", "expected"), PUBLISHED)
def test_published_numbers_of_parameters(name, shape, num_classes, expected):
    config = get_config(name)
    config.labels.num_seeds = 1
    part = {"x": jax.ShapeDtypeStruct((8, *shape), np.float32), "label": jax.ShapeDtypeStruct((8,), np.int32)}
    state = jax.eval_shape(make_arm(config, spec(shape, num_classes), config.method).init, jax.random.key(0), part)
    assert count(state.params["energy"]) == expected
    if (
        name == "hepmass"
    ):  # noise-500-500-500-columns; scales and offsets of the batch normalisation, one layer of biases
        columns = shape[0]
        assert count(state.params["generator"]["net"]) == 128 * 500 + 2 * 500**2 + 500 * columns + 3 * 1000 + columns


@pytest.mark.slow
def test_what_a_run_writes(run):
    found = run("vera", "digits:smoke")
    own = {"accuracy_mean", "accuracy_sd", "ece", "nll", "seconds", "diverged"}
    auroc = {"auroc_uniform_energy", "auroc_between_max_prob", "auroc_between_grad_norm"}
    assert own | auroc | {"energy_refined"} <= set(found.metrics)
    assert found.names == {"supervised": own, "refined": {"frechet_pixels"}, "real": {"frechet_pixels"}}
    assert found.metrics["diverged"] == 0
    assert found.pictures >= {"arms", "samples", "samples_refined", "samples_by_class", "log_p", "health"}
    run("vera", None, "--mode=sample", folder=found.folder)
    assert np.load(found.folder / "samples.npy").shape == (100, 64)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config.method=verra", "did you mean 'vera'?"),
        ("--config.model.energy.name=cnn", "unknown name 'cnn'"),
        ("--config.model.energy.name=wide_resnet", "wide_resnet needs images"),
        ("--config.model.entropy_weight=-1.0", "entropy_weight = -1.0 must be ≥ 0"),
        ("--config.labels.per_class=1000", "1000 labels a class must be at least 1"),
        ("--config.data.name=8gaussians", "has no labels"),
        ("--config.evaluate.attacks.epsilons_l2=(-0.1,)", "epsilons_l2"),
        ("--config.model.posterior.name=exact", "unknown name 'exact'; known: hmc, importance"),
        ("--config.model.generator.name=residual", "residual makes images, but examples have shape (64,)"),
        ("--config.model.generator.name=dcgan", "dcgan makes images, but examples have shape (64,)"),
        ("--config.data.augment=crop", "data.augment = crop needs images"),
        ("--config.model.energy.dropout=1.0", "model.energy.dropout = 1.0 must be in [0, 0.99]"),
        ("--config.validation.num_examples=2000", "validation.num_examples = 2000 must be below its"),
    ],
)
def test_refusals(word, message, fails):
    assert message in fails("vera", "digits:smoke", word)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jem_digits", "against_jem"])
def test_other_arms(name, run):
    assert run("vera", f"{name}:smoke").results["method"] == ("jem" if name.startswith("jem_") else "vera")


@pytest.mark.slow
def test_attacks(run):
    """Ours with and without chains before the classification, the supervised net without; noise on foreign examples."""
    words = "--config.evaluate.attacks.num_examples=16", "--config.evaluate.foreign_noise=0.03"
    found = run("vera", "digits:smoke", *words, "--config.evaluate.ece_bins=20")
    radii = ["linf_0", "linf_0.1", *(f"l2_{radius}" for radius in ("0", "0.2", "0.5", "1", "2"))]
    expected = {f"accuracy_{radius}_refined_{steps}" for radius in radii for steps in (0, 1)}
    assert {name for name in found.metrics if "_refined_" in name} == expected
    assert {name for name in found.names["supervised"] if "_refined_" in name} == {
        name for name in expected if name.endswith("_0")
    }
    assert found.metrics["accuracy_linf_0_refined_0"] == found.metrics["accuracy_l2_0_refined_0"]
    assert "attacks" in found.pictures
    assert "20 bins" in found.results["protocol"] and "noise of 0.03" in found.results["protocol"]


@pytest.mark.slow
def test_hmc_variant(run):
    found = run("vera", "digits:smoke", "--config.model.posterior.name=hmc", "--config.evaluate.arms=()")
    assert np.isfinite(found.metrics["accuracy_mean"]) and found.metrics["diverged"] == 0


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: not below the tuned net that learns from labels alone."""
    found = run("vera", "digits", "--config.evaluate.arms=('supervised',)", "--config.seed=1")
    assert found.metrics["accuracy_mean"] >= found.baselines["supervised"]["accuracy_mean"]
    assert found.metrics["diverged"] == 0
