"""Alternating back-propagation: its bank, what a run writes, and the verdict."""

from importlib import import_module

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from experiments.abp import build


@pytest.mark.parametrize("variant", ["", "smoke"], ids=["whole", "smoke"])
@pytest.mark.parametrize("name, shape", [("digits", (8, 8, 1)), ("svhn", (32, 32, 3))], ids=["digits", "svhn"])
def test_the_bank_has_a_chain_for_every_example(name, shape, variant):
    config = import_module(f"configs.abp.{name}").get_config(variant)
    method = build(config, DataSpec("any", shape, 1000, 100, 10, 255))
    x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
    state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
    assert set(state.params) == {"generator"}
    assert state.extra["chains"].shape == (1000, config.model.latent_dim)


@pytest.mark.slow
def test_what_a_run_writes(run):
    found = run("abp", "digits:smoke")
    frechet = {f"frechet_{space}" for space in ("pixels", "features")}
    assert set(found.metrics) == {"test_mse", "train_mse", "inpainting_mse", "inpainting_mse_of_mean"} | frechet
    assert found.names == {
        "pca": {"test_mse"},
        "short_run": {"test_mse"} | frechet,
        "real": frechet,
        "mean_fill": {"inpainting_mse_of_mean"},
    }
    assert found.pictures >= {"samples", "reconstructions", "interpolation", "inpainting", "health"}


@pytest.mark.slow
def test_what_a_run_on_incomplete_examples_writes(run):
    found = run("abp", "digits_block:smoke")
    own = {"missing_mse", "missing_mse_test", "missing_mse_stored", "train_mse"}
    assert own <= set(found.metrics)
    missing = {"missing_mse", "missing_mse_test"}
    assert found.names["neighbour_fill"] == missing and missing <= found.names["short_run"]
    assert found.names["mean_fill"] == missing | {"missing_mse_stored", "inpainting_mse_of_mean"}
    mean = found.baselines["mean_fill"]
    assert mean["missing_mse_stored"] == pytest.approx(mean["missing_mse"])  # the same entries
    assert found.pictures >= {"missing", "recovered"}
    assert "lacks a block of 4 x 4 pixels" in found.results["protocol"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.missing.name=blocks"], "missing.name: unknown name 'blocks'"),
        (["--config.missing.name=block", "--config.missing.size=9"], "missing.size = 9: a square of that side does"),
        (
            ["--config.missing.name=squares", "--config.missing.fraction=1.0"],
            "missing.fraction = 1.0 must lie in [0, 1)",
        ),
        (["--config.data.augment=crop"], "data.augment = crop: this training keeps a chain for each example"),
    ],
    ids=["name", "size", "fraction", "crops"],
)
def test_refusals(words, said, fails):
    assert said in fails("abp", "digits:smoke", *words)


@pytest.mark.slow
def test_recovery_verdict(whole_training, run):
    """Minutes: missing entries are recovered better than by means and nearest neighbours."""
    found = run("abp", "digits_missing", "--config.seed=1", "--config.evaluate.short_run_baseline=False")
    for fill in ("mean_fill", "neighbour_fill"):
        assert found.metrics["missing_mse"] < 0.8 * found.baselines[fill]["missing_mse"]
    assert found.metrics["missing_mse_stored"] < found.baselines["mean_fill"]["missing_mse_stored"]


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: a better reconstruction than PCA's with as many components, and samples nearer than short-run's."""
    metrics, baselines = run("abp", "digits", "--config.seed=1").figures
    assert metrics["test_mse"] < 0.5 * baselines["pca"]["test_mse"]
    assert metrics["train_mse"] < metrics["test_mse"]
    assert metrics["frechet_pixels"] < baselines["short_run"]["frechet_pixels"]
