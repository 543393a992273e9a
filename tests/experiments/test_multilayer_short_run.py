"""Multi-layer short-run inference: its step sizes, what a run writes, what it refuses, and the verdict."""

import jax
import numpy as np
import pytest

from configs.multilayer_short_run.digits import get_config
from ebmjax.data import DataSpec
from experiments.multilayer_short_run import build


@pytest.mark.parametrize("variant", ["", "smoke"])
def test_step_sizes_by_grid_and_by_gradient(variant):
    config = get_config(variant)
    x = jax.ShapeDtypeStruct((128, 8, 8, 1), np.float32)
    for grid in (config.search.grid, (0.05, 0.1)):
        config.search.grid = grid
        method = build(config, DataSpec("digits", (8, 8, 1), 1000, 100, 10, 16))
        state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
        assert set(state.params["log_step_size"]) == {"z1", "z2"}
        assert ("log_step_size" in state.opt_state) == (grid == ())


@pytest.mark.slow
def test_what_a_run_writes(run):
    fewer = ["--config.evaluate.fixed_noise_baseline=False", "--config.evaluate.other_start=0.0"]  # in test_verdict
    found = run("multilayer_short_run", "digits:smoke", *fewer)
    frechet = {f"frechet_{space}" for space in ("pixels", "features")}
    step = {"reconstruction_mse", "step_size"}
    assert set(found.metrics) == step | {"inpainting_mse", "inpainting_mse_of_mean"} | frechet
    assert found.names == {
        **dict.fromkeys(("third_step", "triple_step", "fixed_noise_step"), step),
        **dict.fromkeys(("third_retrained", "triple_retrained"), step | frechet),
        "pca": {"reconstruction_mse"},
        "real": frechet,
        "mean_fill": {"inpainting_mse_of_mean"},
    }
    learned, others = found.metrics["step_size"], found.baselines
    assert learned != pytest.approx(0.03)  # where it started
    for name, factor in (("third", 1 / 3), ("triple", 3.0)):  # each layer's own
        assert others[f"{name}_retrained"]["step_size"] == pytest.approx(factor * learned)
    assert found.pictures >= {"samples", "reconstructions", "interpolation", "inpainting", "step_size", "health"}


@pytest.mark.parametrize(
    "word, said",
    [
        ("--config.search.objective=elbo", "must be one of marginal"),
        ("--config.sampler.posterior.step_size=0.0", "step_size = 0.0 must be > 0"),
        ("--config.search.width=-0.1", "search.width = -0.1 must be at least 0"),
        ("--config.model.latent_dims=(16, 0)", "model.latent_dims = (16, 0) must be at least 1"),
        ("--config.model.generator.name=dcgan", "unknown name 'dcgan'"),
        ("--config.model.generator.name=conv", "model.generator.map_size: feature maps of side 16 must be ≥ 5"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("multilayer_short_run", "digits:smoke", word)


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: the learned step size reconstructs better than a third and three times itself, with the same generator
    and with one trained for them, and where the search starts does not matter."""
    learned, others = run("multilayer_short_run", "digits", "--config.seed=1").figures
    for other in ("third_step", "triple_step", "third_retrained", "triple_retrained"):
        assert 1.5 * learned["reconstruction_mse"] < others[other]["reconstruction_mse"]
    assert others["other_start"]["step_size"] == pytest.approx(learned["step_size"], rel=0.2)
    assert learned["inpainting_mse_of_mean"] < learned["inpainting_mse"]
