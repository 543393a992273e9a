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
from ebmjax.report.results import added_figures
from experiments import evaluate
from experiments.latent_ebm import build
from experiments.tables import table

ROOT = Path(__file__).parents[2]
CONFIG = f"--config={ROOT}/configs/latent_ebm/digits.py:smoke"
# Long enough to be cut off in the middle, with a checkpoint every 20 steps.
LENGTH = ["--config.train.num_steps=200", "--config.train.checkpoint_every=20", "--config.train.log_every=20"]


@pytest.fixture(scope="module")
def finished(run):
    """An undisturbed run."""
    return run("latent_ebm", "digits:smoke", *LENGTH)


def test_what_a_run_writes(finished):
    results, folder = finished.results, finished.folder
    first = ["experiment", "method", "dataset", "metrics", "baselines", "protocol", "seed", "num_steps"]
    assert list(results)[:8] == first
    assert {"seconds", "baseline_seconds", "machine", "commit", "versions"} <= set(results)
    frechet = {"frechet_pixels", "frechet_features"}
    assert set(finished.metrics) == {"test_mse", "energy_gap"} | frechet
    arms = dict.fromkeys(("gaussian_prior", "real"), frechet)
    assert finished.names == {"pca": {"test_mse"}, "gaussian_trained": {"test_mse"} | frechet} | arms
    assert results["num_steps"] == 200 and results["versions"]["jax"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(20, 201, 20))
    assert {"energy_gap", "reconstruction_mse", "prior_grad_norm", "steps_per_second"} <= set(rows[0])
    assert finished.pictures >= {"samples", "reconstructions", "interpolation", "health"}
    drawn = Image.open(folder / "samples/0000100.png")
    assert drawn.width > 300 and np.asarray(drawn).std() > 5
    assert list((folder / "tensorboard").iterdir())
    assert json.loads((folder / "config.json").read_text())["train"]["num_steps"] == 200


def test_again_only_evaluates(finished, run, capsys):
    rows = (finished.folder / "metrics.jsonl").read_text()
    again = run("latent_ebm", "digits:smoke", *LENGTH, folder=finished.folder)
    assert "training is finished (200 steps): only evaluating" in capsys.readouterr().err
    assert again.figures == finished.figures
    assert (finished.folder / "metrics.jsonl").read_text() == rows


@pytest.mark.slow
def test_evaluate_and_sample_modes_read_the_runs_config(finished, run):
    folder = finished.folder
    other = run("latent_ebm", None, "--mode=evaluate", "--config.evaluate.batch_size=16", folder=folder)
    assert other.metrics["energy_gap"] == finished.metrics["energy_gap"]
    assert run("latent_ebm", None, "--mode=evaluate", folder=folder).figures == finished.figures
    run("latent_ebm", None, "--mode=sample", folder=folder)
    assert np.load(folder / "samples.npy").shape == (100, 8, 8, 1)


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
def test_killed_three_times_gives_the_same_figures(finished, run, tmp_path):
    """SIGKILL twice in the training, then in the baseline's: the last digit of every figure is the same."""
    workdir = tmp_path / "killed"
    for folder, step in ((workdir, 40), (workdir, 120), (workdir / "baselines" / "gaussian_trained", 60)):
        process = start(workdir)
        wait_for_checkpoint(process, folder, step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (workdir / "results.json").exists()
    assert run("latent_ebm", "digits:smoke", *LENGTH, folder=workdir).figures == finished.figures
    steps = [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(20, 201, 20))


@pytest.mark.slow
def test_signals_save_and_say_how_to_go_on(finished, run, tmp_path):
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
    assert run("latent_ebm", "digits:smoke", *LENGTH, folder=workdir).figures == finished.figures


@pytest.mark.parametrize(
    "word, said",
    [
        ("--config.model.sigma=0.2", "model.sigma: 0.1 there, 0.2 now"),
        ("--config.train.num_steps=400", "schedule = cosine depends on train.num_steps"),
    ],
)
def test_another_config_is_refused_field_by_field(word, said, finished, fails):
    assert said in fails("latent_ebm", "digits:smoke", *LENGTH, word, folder=finished.folder)


def test_a_config_that_was_edited_is_caught_at_the_checkpoint(finished, fails, tmp_path):
    workdir = tmp_path / "edited"
    shutil.copytree(finished.folder, workdir)
    config = json.loads((workdir / "config.json").read_text())
    config["model"]["sigma"] = 0.5
    (workdir / "config.json").write_text(json.dumps(config))
    before = (workdir / "results.json").read_text()
    assert "model.sigma: 0.1 there, 0.5 now" in fails("latent_ebm", None, "--mode=evaluate", folder=workdir)
    assert (workdir / "results.json").read_text() == before


@pytest.mark.slow  # the toy's checkpoints are damaged in tests/training
def test_a_damaged_checkpoint_falls_back_to_the_last_sound_one(finished, run, tmp_path, capsys):
    workdir = tmp_path / "damaged"
    shutil.copytree(finished.folder, workdir)
    for path in (workdir / "checkpoints" / "200").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    assert run("latent_ebm", "digits:smoke", *LENGTH, folder=workdir).figures == finished.figures
    said = capsys.readouterr().err
    assert "checkpoint 200 cannot be read" in said and "unreadable-200" in said


@pytest.mark.slow
def test_fake_images_and_a_longer_training(run, tmp_path):
    """Colour images of any shape by name; without a schedule over the whole training, it may be lengthened."""
    words = ["--config.data.name=fake:8x8x3", "--config.evaluate.opponents=()"]
    words += [f"--config.optimizer.{group}.schedule=constant" for group in ("energy", "generator")]
    words += ["--config.train.ema_decay=0.9"]
    run("latent_ebm", "digits:smoke", *words, folder=tmp_path)
    longer = run("latent_ebm", "digits:smoke", *words, "--config.train.num_steps=15", folder=tmp_path)
    assert longer.results["num_steps"] == 15


@pytest.mark.slow
def test_opponents_and_long_chains(run):
    """Those of Table 1, each with the figures of the method itself, and the pictures of long chains."""
    found = run("latent_ebm", "digits_opponents:smoke")
    table_1 = {"test_mse", "frechet_pixels", "frechet_features"}
    for arm in ("gaussian_trained", "vae", "short_run_5"):
        assert found.names[arm] == table_1 and (found.folder / "baselines" / arm).is_dir()
    assert found.names["long_chain"] == table_1 - {"test_mse"}
    assert "long_chains" in found.pictures
    assert "short_run_5: short-run inference of 5 layers, by 5 noisy steps of 0.1" in found.results["protocol"]


@pytest.mark.slow
def test_an_arm_is_evaluated_beside_the_run(finished, tmp_path, capsys):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    words = [str(folder), "--with", "frechet_pixels", "--num", "64", "--batch_size", "64"]
    assert evaluate.main(words) == 0 and evaluate.main([*words, "--arm", "gaussian_trained"]) == 0
    held = json.loads((folder / "results.json").read_text())
    own, arm = held["evaluations"]
    assert "arm" not in own and arm["arm"] == "gaussian_trained" and own["value"] != arm["value"]
    for name, entry in (("", own), ("gaussian_trained", arm)):
        assert added_figures(held, name) == {"frechet_pixels": entry}
    row = next(line for line in table("digits", [held]).splitlines() if line.startswith("| frechet_pixels"))
    assert row.startswith(f"| frechet_pixels | {own['value']:.4g} |") and f"{arm['value']:.4g} gaussian_trained" in row
    assert "frechet_<wbr>pixels, gaussian_<wbr>trained" in (folder / "report.html").read_text()
    assert evaluate.main([*words, "--arm", "vea"]) == 2
    assert "holds no trained arm 'vea'; its arms are gaussian_trained" in capsys.readouterr().err


def test_an_unknown_opponent_is_refused(fails):
    said = fails("latent_ebm", "digits:smoke", "--config.evaluate.opponents=('vea',)")
    assert "--config.evaluate.opponents: unknown name 'vea'; did you mean 'vae'? Known: gaussian_trained" in said


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
@pytest.mark.parametrize("kernel", ["hmc", "blackjax_barker"])
def test_runs_with_any_kernel(kernel, run):
    short = ["--config.evaluate.opponents=()", "--config.evaluate.feature_steps=0"]
    assert "frechet_pixels" in run("latent_ebm", "digits:smoke", *short, f"--config.sampler.name={kernel}").metrics
