"""The experiments with an encoder from end to end, their configs, and their slow verdicts."""

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
from experiments import anomaly, divergence_triangle, vae_latent_ebm

ROOT = Path(__file__).parents[2]
MODULES = {"divergence_triangle": divergence_triangle, "vae_latent_ebm": vae_latent_ebm}
PATHS = sorted(p for name in MODULES for p in (ROOT / "configs" / name).glob("*.py") if p.stem != "common")
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "svhn": (32, 32, 3)}


def main(experiment, config, workdir, *words):
    path = f"--config={ROOT}/configs/{config}"
    cli.main(experiment, [experiment.name, path, f"--workdir={workdir}", *words])
    return json.loads((workdir / "results.json").read_text())


def values(found):
    return [value for table in (found["metrics"], *found["baselines"].values()) for value in table.values()]


def test_what_a_run_writes(tmp_path):
    found = main(divergence_triangle.EXPERIMENT, "divergence_triangle/digits_missing.py:smoke", tmp_path)
    own = {"test_mse", "frechet_pixels", "frechet_features", "missing_mse", "missing_mse_test", "energy_gap"}
    own |= {"latent_nll", "barrier_line", "barrier_decoded", "stability_index"}
    own |= {f"long_run_{what}" for what in ("energy_change", "saturated", "distance")}
    assert set(found["metrics"]) == own
    frechet, missing = {"frechet_pixels", "frechet_features"}, {"missing_mse", "missing_mse_test"}
    assert {arm: set(table) for arm, table in found["baselines"].items()} == {
        "pca": {"test_mse"},
        "vae": {"test_mse"} | frechet | missing,
        "real": frechet,
        "mean_fill": missing,
        "neighbour_fill": missing,
    }
    assert np.isfinite(values(found)).all()
    for name in ("samples", "reconstructions", "interpolation", "missing", "barriers", "long_run", "health"):
        assert np.asarray(Image.open(tmp_path / f"{name}.png")).std() > 5


@pytest.mark.slow  # four methods to compile
def test_a_joint_energy_and_its_anomalies(tmp_path):
    """The anomaly experiment trains it and a VAE, which has no energy and is ranked by another score."""
    words = ["--config.anomaly.held_out=(4,)", "--config.anomaly.num_evaluations=1"]
    found = main(anomaly.EXPERIMENT, "anomaly/digits_vae_latent_ebm.py:smoke", tmp_path, *words)
    assert {"auprc_joint_energy_4", "auprc_joint_4", "auprc_reconstruction_4"} <= set(found["metrics"])
    vae = found["baselines"]["vae"]
    assert vae["auprc_joint_energy_4"] == vae["auprc_joint_4"] and "auprc_reconstruction_4" in vae
    assert "beside those of joint_energy stand also other scores: vae: joint; pca: squared error" in found["protocol"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_smoke_of_a_joint_energy(name, tmp_path):
    found = main(vae_latent_ebm.EXPERIMENT, f"vae_latent_ebm/{name}.py:smoke", tmp_path)
    assert {"energy_data", "energy_generated", "energy_shuffled", "test_mse"} <= set(found["metrics"])
    assert np.isfinite(values(found)).all()


@pytest.mark.slow
def test_smoke_of_the_published_networks(tmp_path):
    found = main(divergence_triangle.EXPERIMENT, "divergence_triangle/cifar10.py:smoke", tmp_path)
    assert np.isfinite(values(found)).all()


@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.stem}-{p.stem}")
def test_config(path):
    """Builds at full size, for the data that it names."""
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    assert f"python -m experiments.{path.parent.stem}" in module.__doc__
    shape = SHAPES.get(path.stem, (8, 8, 1))
    config = module.get_config()
    to_settings(config)
    method = MODULES[path.parent.stem].build(config, DataSpec("any", shape, 1000, 100, 10, 255))
    x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
    state = jax.eval_shape(method.init, jax.random.key(0), {"x": x})
    assert set(state.params) == set(config.optimizer) == {"energy", "encoder", "generator"}
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.missing.name=blocks"], "missing.name: unknown name 'blocks'"),
        (["--config.missing.name=block", "--config.missing.size=9"], "missing.size = 9: a square of that side does"),
        (["--config.model.energy.name=dcgan"], "model.energy.name = dcgan makes or takes images of 32 x 32"),
        (["--config.model.sigma=0.0"], "sigma = 0.0"),
        (["--config.evaluate.long_run_steps=150"], "must be a multiple of 100"),
        (["--config.model.latent_weight=-1.0"], "model.latent_weight = -1.0 must be at least 0"),
    ],
)
def test_bad_input_is_one_line(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(divergence_triangle.EXPERIMENT, "divergence_triangle/digits.py:smoke", tmp_path / "run", *words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_verdict(tmp_path):
    """Minutes: samples nearer than the VAE's to the training images, over features."""
    found = main(divergence_triangle.EXPERIMENT, "divergence_triangle/digits.py", tmp_path, "--config.seed=1")
    assert found["metrics"]["frechet_features"] < found["baselines"]["vae"]["frechet_features"]


@pytest.mark.slow
def test_verdict_on_missing_pixels(tmp_path):
    """Minutes: half of the pixels are recovered far better than by their means, and as well as by the VAE."""
    found = main(divergence_triangle.EXPERIMENT, "divergence_triangle/digits_missing.py", tmp_path)
    own, others = found["metrics"]["missing_mse"], found["baselines"]
    assert own <= 0.65 * others["mean_fill"]["missing_mse"]
    assert own <= 1.1 * others["vae"]["missing_mse"]
