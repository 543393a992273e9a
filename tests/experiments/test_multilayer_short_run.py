"""Multi-layer short-run inference: its step sizes, what a run writes, what it refuses, and the verdict."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs.multilayer_short_run.digits import get_config
from ebmjax.data import DataSpec
from ebmjax.report.results import OWN
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Run, Trained
from ebmjax.types import Method
from experiments.measure import layers
from experiments.multilayer_short_run import baselines, build


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
    step, variances = {"reconstruction_mse", "step_size"}, {"variance_z1", "variance_z2"}
    assert set(found.metrics) == step | {"inpainting_mse", "inpainting_mse_of_mean"} | frechet | variances
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
    assert found.pictures >= {
        "samples",
        "reconstructions",
        "interpolation",
        "inpainting",
        "layers",
        "step_size",
        "health",
    }


@pytest.mark.slow
def test_vaes_beside_it(run):
    """Both have its figures but that of steps; what inpainting hides is a setting; no sweep without step sizes."""
    hidden = ["--config.evaluate.hidden.name=block", "--config.evaluate.hidden.size=4"]
    found = run("multilayer_short_run", "digits_vae:smoke", *hidden, "--config.evaluate.step_sizes=()")
    arm = {"reconstruction_mse", "frechet_pixels", "frechet_features"}
    assert found.names["vae"] == found.names["ladder_vae"] == arm
    assert set(found.names) == {"vae", "ladder_vae", "pca", "real", "mean_fill"}
    assert "inpainting_mse: per pixel of a block of 4 x 4 pixels" in found.results["protocol"]
    assert "layers" in found.pictures and "step_size" not in found.pictures


def test_variance_of_one_layer(tmp_path):
    """x = 2 z1 + z2 with z ~ N(0, 1): 4 and 1, by half the squared differences of pairs."""
    scales = {"z1": 2.0, "z2": 1.0}
    draw = lambda state, key, num: {z: jax.random.normal(jax.random.fold_in(key, ord(z[1])), (num, 1)) for z in scales}
    decode = lambda state, z: sum(scale * z[layer] for layer, scale in scales.items())
    method = Method(None, None, None, None, {"sample_latent": draw, "decode": decode})
    config = ConfigDict({"evaluate": {"batch_size": 1000}})
    found = layers.variances(Run(config, tmp_path, None, Trained(method, None), {}, jax.random.key(0)), 4000)[OWN]
    # (x - y)² / 2 has standard deviation √2 times its mean.
    assert found == {f"variance_{z}": pytest.approx(s**2, rel=5 * (2 / 4000) ** 0.5) for z, s in scales.items()}


@pytest.mark.parametrize(
    "word, said",
    [
        ("--config.search.objective=elbo", "must be one of marginal"),
        ("--config.sampler.posterior.step_size=0.0", "step_size = 0.0 must be > 0"),
        ("--config.search.width=-0.1", "search.width = -0.1 must be at least 0"),
        ("--config.model.latent_dims=(16, 0)", "model.latent_dims = (16, 0) must be at least 1"),
        ("--config.evaluate.hidden.name=stripes", "unknown name 'stripes'"),
        ("--config.evaluate.hidden.fraction=1.0", "evaluate.hidden.fraction = 1.0 must be in [0, 0.99]"),
        ("--config.model.generator.name=dcgan", "unknown name 'dcgan'"),
        ("--config.model.generator.name=conv", "model.generator.map_size: feature maps of side 16 must be ≥ 5"),
    ],
)
def test_refusals(word, said, fails):
    assert said in fails("multilayer_short_run", "digits:smoke", word)


def test_impossible_evaluations():
    """Refused before the training, when methods are built."""
    config, found = get_config("smoke"), DataSpec("digits", (8, 8, 1), 1000, 100, 10, 16)
    config.evaluate.hidden.update(name="block", size=9)
    with pytest.raises(ConfigError, match="evaluate.hidden.size = 9: a square of that side does not fit"):
        build(config, found)
    config.vae.encoder.conv_widths = (2, 2, 2, 2)
    config.evaluate.update(vae_baseline=True, ladder_vae_baseline=True)
    with pytest.raises(ConfigError, match="vae.encoder.conv_widths = .* halves images more often"):
        baselines(config, found)
    config.vae.encoder.conv_widths, config.evaluate.vae_baseline = (), False
    config.model.generator.ladder = True
    with pytest.raises(ConfigError, match="ladder_vae_baseline needs Gaussian layers"):
        baselines(config, found)


@pytest.mark.slow
def test_verdict(whole_training, run):
    """Minutes: the learned step size reconstructs better than a third and three times itself, with the same generator
    and with one trained for them, and where the search starts does not matter."""
    learned, others = run("multilayer_short_run", "digits", "--config.seed=1").figures
    for other in ("third_step", "triple_step", "third_retrained", "triple_retrained"):
        assert 1.5 * learned["reconstruction_mse"] < others[other]["reconstruction_mse"]
    assert others["other_start"]["step_size"] == pytest.approx(learned["step_size"], rel=0.2)
    assert learned["inpainting_mse_of_mean"] < learned["inpainting_mse"]
