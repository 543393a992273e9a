"""The experiment from end to end: what it writes, and that cutting it off anywhere changes no figure."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from configs.latent_ebm.digits import get_config
from ebmjax.data import DataSpec
from ebmjax.mcmc import KERNELS
from ebmjax.training import cli
from ebmjax.training.checkpoint import Checkpointer
from experiments.latent_ebm import EXPERIMENT, build

ROOT = Path(__file__).parents[2]
CONFIG = f"--config={ROOT}/configs/latent_ebm/digits.py:smoke"
# Long enough to be cut off in the middle, with a checkpoint every 20 steps.
LENGTH = ["--config.train.num_steps=200", "--config.train.checkpoint_every=20", "--config.train.log_every=20"]


def main(*words):
    cli.main(EXPERIMENT, ["latent_ebm", *map(str, words)])


def figures(workdir):
    results = json.loads((workdir / "results.json").read_text())
    return results["metrics"], results["baselines"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An undisturbed run."""
    workdir = tmp_path_factory.mktemp("runs") / "undisturbed"
    main(CONFIG, *LENGTH, f"--workdir={workdir}")
    return workdir


def test_what_a_run_writes(finished):
    results = json.loads((finished / "results.json").read_text())
    assert list(results)[:8] == [
        "experiment",
        "method",
        "dataset",
        "metrics",
        "baselines",
        "protocol",
        "seed",
        "num_steps",
    ]
    assert {"seconds", "baseline_seconds", "machine", "commit", "versions"} <= set(results)
    assert set(results["metrics"]) == {"test_mse", "frechet_pixels", "frechet_features", "energy_gap"}
    frechet = {"frechet_pixels", "frechet_features"}
    assert {arm: set(figures) for arm, figures in results["baselines"].items()} == {
        "pca": {"test_mse"},
        **dict.fromkeys(("gaussian_prior", "gaussian_trained", "real"), frechet),
    }
    assert np.isfinite([v for arm in (results["metrics"], *results["baselines"].values()) for v in arm.values()]).all()
    assert results["num_steps"] == 200 and results["versions"]["jax"]
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(20, 201, 20))
    assert {"energy_gap", "reconstruction_mse", "prior_grad_norm", "steps_per_second"} <= set(rows[0])
    for name in ("samples", "reconstructions", "interpolation", "health", "samples/0000100"):
        image = Image.open(finished / f"{name}.png")
        assert image.width > 300 and np.asarray(image).std() > 5
    assert list((finished / "tensorboard").iterdir())
    assert json.loads((finished / "config.json").read_text())["train"]["num_steps"] == 200


def test_again_only_evaluates(finished, capsys):
    before = figures(finished)
    rows = (finished / "metrics.jsonl").read_text()
    main(CONFIG, *LENGTH, f"--workdir={finished}")
    assert "training is finished (200 steps): only evaluating" in capsys.readouterr().err
    assert figures(finished) == before
    assert (finished / "metrics.jsonl").read_text() == rows


def test_evaluate_and_sample_modes_read_the_runs_config(finished):
    before = figures(finished)
    main("--mode=evaluate", f"--workdir={finished}", "--config.evaluate.batch_size=16")
    assert figures(finished)[0]["energy_gap"] == before[0]["energy_gap"]
    main("--mode=evaluate", f"--workdir={finished}")
    assert figures(finished) == before
    main("--mode=sample", f"--workdir={finished}")
    assert np.load(finished / "samples.npy").shape == (100, 8, 8, 1)


def start(workdir):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "experiments.latent_ebm", CONFIG, *LENGTH, f"--workdir={workdir}"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_checkpoint(process, folder, step):
    for _ in range(6000):
        steps = [int(p.name) for p in (folder / "checkpoints").glob("*") if p.name.isdigit()]
        assert process.poll() is None, process.communicate()[1][-1000:]
        if max(steps, default=0) >= step:
            return
        time.sleep(0.01)
    raise AssertionError("no checkpoint within a minute")


@pytest.mark.slow
def test_killed_three_times_gives_the_same_figures(finished, tmp_path):
    """SIGKILL twice in the training, then in the baseline's: the last digit of every figure is the same."""
    workdir = tmp_path / "killed"
    for folder, step in ((workdir, 40), (workdir, 120), (workdir / "baselines" / "gaussian_trained", 60)):
        process = start(workdir)
        wait_for_checkpoint(process, folder, step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (workdir / "results.json").exists()
    main(CONFIG, *LENGTH, f"--workdir={workdir}")
    assert figures(workdir) == figures(finished)
    steps = [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(20, 201, 20))


def test_signals_save_and_say_how_to_go_on(finished, tmp_path):
    """SIGTERM, then Ctrl-C where that one got to: within seconds, with the command that resumes."""
    workdir = tmp_path / "stopped"
    for number, step in ((signal.SIGTERM, 20), (signal.SIGINT, 100)):
        process = start(workdir)
        wait_for_checkpoint(process, workdir, step)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in said
        assert "the same command goes on from there: python -m experiments.latent_ebm --config=" in said
    main(CONFIG, *LENGTH, f"--workdir={workdir}")
    assert figures(workdir) == figures(finished)


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(*words)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_another_config_is_refused_field_by_field(finished, capsys):
    said = refused(capsys, CONFIG, *LENGTH, "--config.model.sigma=0.2", f"--workdir={finished}")
    assert "model.sigma: 0.1 there, 0.2 now" in said
    said = refused(capsys, CONFIG, *LENGTH, "--config.train.num_steps=400", f"--workdir={finished}")
    assert "schedule = cosine depends on train.num_steps" in said


@pytest.mark.slow
def test_fake_images_and_a_longer_training(tmp_path, capsys):
    """Colour images of any shape by name; without a schedule over the whole training, it may be lengthened."""
    words = [CONFIG, "--config.data.name=fake:8x8x3", f"--workdir={tmp_path / 'run'}"]
    words += [f"--config.optimizer.{group}.schedule=constant" for group in ("energy", "generator")]
    words += ["--config.evaluate.gaussian_baseline=False", "--config.train.ema_decay=0.9"]
    main(*words)
    main(*words, "--config.train.num_steps=15")
    assert json.loads((tmp_path / "run" / "results.json").read_text())["num_steps"] == 15


def test_a_config_that_was_edited_is_caught_at_the_checkpoint(finished, tmp_path, capsys):
    workdir = tmp_path / "edited"
    shutil.copytree(finished, workdir)
    config = json.loads((workdir / "config.json").read_text())
    config["model"]["sigma"] = 0.5
    (workdir / "config.json").write_text(json.dumps(config))
    assert "model.sigma: 0.1 there, 0.5 now" in refused(capsys, "--mode=evaluate", f"--workdir={workdir}")
    assert figures(workdir) == figures(finished)


def test_a_damaged_checkpoint_falls_back_to_the_last_sound_one(finished, tmp_path, capsys):
    workdir = tmp_path / "damaged"
    shutil.copytree(finished, workdir)
    for path in (workdir / "checkpoints" / "200").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    main(CONFIG, *LENGTH, f"--workdir={workdir}")
    said = capsys.readouterr().err
    assert "checkpoint 200 cannot be read" in said and "unreadable-200" in said
    assert figures(workdir) == figures(finished)


def test_a_checkpoint_that_cannot_be_written_is_one_line(tmp_path, capsys, monkeypatch):
    def full(self, step, state, meta):
        raise self._cannot_save(OSError("No space left on device"))

    monkeypatch.setattr(Checkpointer, "save", full)
    with pytest.raises(SystemExit) as stopped:
        main(CONFIG, f"--workdir={tmp_path / 'run'}")
    assert stopped.value.code == 1
    assert "error: cannot write a checkpoint in" in capsys.readouterr().err


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_any_kernel_by_its_name(kernel):
    """config.sampler.name swaps the kernel of the prior and posterior chains; tracing alone, for speed."""
    config = get_config("smoke")
    config.sampler.name = kernel
    method = build(config, DataSpec("any", (8, 8, 1), 999, 99, 10, 16))
    batch = {"x": jax.ShapeDtypeStruct((16, 8, 8, 1), np.float32)}
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    after, metrics = jax.eval_shape(method.train_step, state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state) and "energy_gap" in metrics


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["mala", "hmc", "underdamped", "blackjax_barker"])
def test_runs_with_any_kernel(kernel, tmp_path):
    short = ["--config.evaluate.gaussian_baseline=False", "--config.evaluate.feature_steps=0"]
    main(CONFIG, *short, f"--config.sampler.name={kernel}", f"--workdir={tmp_path / 'run'}")
    assert np.isfinite(figures(tmp_path / "run")[0]["frechet_pixels"])
