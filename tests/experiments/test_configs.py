"""Every config of the latent EBM: builds at full size, says what it is, and has the published numbers of parameters."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments.latent_ebm import EXPERIMENT, build

ROOT = Path(__file__).parents[2]
OF_SENTENCES = ("ptb", "snli", "text")  # tests/experiments/test_text.py
PATHS = sorted(p for p in (ROOT / "configs/latent_ebm").glob("*.py") if p.stem not in ("common", *OF_SENTENCES)) + [
    ROOT / "configs/svhn.py"
]
SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "celeba64": (64, 64, 3), "celeba128": (128, 128, 3)}


def load(path):
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    return module


def abstract_params(config, shape):
    method = build(config, DataSpec("any", shape, 10_000, 1000, 10, 255))
    x = jax.ShapeDtypeStruct((config.train.batch_size, *shape), np.float32)
    return jax.eval_shape(method.init, jax.random.key(0), {"x": x}).params


def count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_config(path):
    module = load(path)
    assert "python -m experiments.latent_ebm" in module.__doc__
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        params = abstract_params(config, SHAPES.get(path.stem, (32, 32, 3)))
        assert set(params) == {"energy", "generator"}
        assert config.sampler.prior.temperature == config.sampler.posterior.temperature == 1.0
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


def test_published_numbers_of_parameters():
    """SVHN, ngf 64, nz 100: generator 3,447,683; energy 100-200-200-1 60,601."""
    params = abstract_params(load(ROOT / "configs/svhn.py").get_config(), (32, 32, 3))
    assert count(params["generator"]) == 3_447_683
    assert count(params["energy"]) == 60_601


def test_published_settings_of_svhn():
    config = load(ROOT / "configs/svhn.py").get_config()
    sampler, optimizer = config.sampler, config.optimizer
    assert (sampler.prior.num_steps, sampler.prior.step_size) == (60, 0.4)
    assert (sampler.posterior.num_steps, sampler.posterior.step_size) == (20, 0.1)
    assert (config.model.sigma, config.model.latent_dim, config.train.batch_size) == (0.3, 100, 100)
    assert (optimizer.energy.learning_rate, optimizer.generator.learning_rate) == (2e-5, 1e-4)
    for group in optimizer.values():
        assert (group.b1, group.b2, group.schedule, group.decay_rate) == (0.5, 0.999, "exponential", 0.998)


def test_a_stack_of_another_size_is_refused(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", x_train=np.zeros((20, 28, 28, 1), np.uint8))
    words = [f"--config={ROOT}/configs/svhn.py:smoke", f"--config.data.name=npz:{tmp_path}/x.npz"]
    with pytest.raises(SystemExit):
        cli.main(EXPERIMENT, ["latent_ebm", *words, f"--workdir={tmp_path}/run"])
    assert "svhn makes 32 x 32 images, but examples have shape (28, 28, 1)" in capsys.readouterr().err


def test_missing_data_is_said_at_once(tmp_path):
    """Offline, unprepared, without TensorFlow: one line that says which command to run, not a hang of minutes."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.latent_ebm", "--config=configs/svhn.py", f"--workdir={tmp_path / 'run'}"],
        cwd=ROOT,
        env=os.environ | {"TFDS_DATA_DIR": str(tmp_path), "EBMJAX_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,  # 15 s on a quiet machine; the other test process takes its share
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "python -m ebmjax.data.prepare svhn_cropped" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow  # minutes of compilation; tests/nets has its layers
def test_published_stack_runs_on_fake_images(tmp_path):
    workdir = tmp_path / "run"
    words = [f"--config={ROOT}/configs/svhn.py:smoke", f"--workdir={workdir}", "--config.evaluate.feature_steps=0"]
    cli.main(EXPERIMENT, ["latent_ebm", *words])
    assert (workdir / "results.json").exists() and (workdir / "samples.png").exists()
