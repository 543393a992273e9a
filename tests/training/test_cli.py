"""Bad input gets one clear line and a code that is not 0, and loses nothing."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.training import cli, run
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.config import ConfigError
from ebmjax.training.guard import Diverged, Problem
from ebmjax.training.loop import Interrupted
from experiments import evaluate, sample
from experiments.build.trained import restore
from experiments.latent_ebm import EXPERIMENT

ROOT = Path(__file__).parents[2]
SMOKE = f"--config={ROOT}/configs/latent_ebm/digits.py:smoke"


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            [SMOKE, "--config.train.num_step=3"],
            "config field --config.train.num_step in .*:smoke; did you mean --config.train.num_steps",
        ),
        (["--config.train.num_step=3"], "did you mean --config.train.num_steps\\?$"),
        (["--config.sampler.prior.num_step=3"], "did you mean --config.sampler.prior.num_steps\\?$"),
        (
            [SMOKE, "--config.data.foo=1"],
            "unknown config field --config.data.foo in .*; there are data.augment, data.name, data.num_train$",
        ),
        ([SMOKE, "--config.paper=1"], "unknown config field --config.paper in .*; there are data, evaluate, "),
        ([SMOKE, "--config.seed.x=1"], "did you mean --config.seed\\?$"),
        ([SMOKE, "--config.model={}"], "--config.model is a section: set its fields"),
        ([SMOKE, "--config.trian.num_steps=3"], "trian"),
        ([SMOKE, "--config.train.num_steps=many"], "train.num_steps=many"),
        ([SMOKE, "--config.train.num_steps=1.5"], "train.num_steps=1.5"),
        ([SMOKE, "--config.train.num_steps=7"], "must be a multiple of train.steps_per_dispatch"),
        ([SMOKE, "--config.train.batch_size=0"], "train.batch_size = 0 must be at least 1"),
        ([SMOKE, "--config.train.batch_size=5000"], "1437 training examples"),
        ([SMOKE, "--config.train.ema_decay=1"], "must lie in \\[0, 1\\)"),
        ([SMOKE, "--config.optimizer.energy.schedule=cosin"], "unknown learning-rate schedule 'cosin'"),
        ([SMOKE, "--config.model.energy.activation=lrelu"], "model.energy.activation: unknown name 'lrelu'"),
        ([SMOKE, "--config.sampler.name=langevn"], "did you mean .langevin"),
        ([SMOKE, "--config.model.sigma=0"], "sigma = 0.0"),
        ([SMOKE, "--config.sampler.prior.step_size=-0.1"], "sampler.prior.step_size = -0.1 must be > 0"),
        ([SMOKE, "--config.sampler.prior.step_size=nan"], "sampler.prior.step_size = nan must be finite"),
        ([SMOKE, "--config.sampler.prior.step_size=(0.3, 0.2)"], "step_size has 2 values, but num_steps = 5"),
        ([SMOKE, "--config.sampler.prior.temperature=inf"], "sampler.prior.temperature = inf must be finite"),
        (["--config=configs/latent_ebm/digit.py"], "no file 'configs/latent_ebm/digit.py'"),
        (["--config="], "no file ''"),
        ([SMOKE + "y"], "unknown variant 'smokey'"),
        ([SMOKE, "stray"], "unexpected argument 'stray'"),
        ([SMOKE, "train.num_steps=3"], "unexpected argument 'train.num_steps=3'"),
        ([SMOKE, "--wrkdir=x"], "wrkdir"),
        ([SMOKE, "--mode=eval"], "mode"),
        (["--config.train.num_steps=3", SMOKE], "must be a multiple"),
        (["--config.train.num_steps=3", *SMOKE.split("=")], "must be a multiple"),
        ([SMOKE, "--config.data.name=digts"], "did you mean .?digits"),
        ([SMOKE, "--config.data.name=npz:absent.npz"], "absent.npz"),
        ([SMOKE, "--config.data.name=fake:8y8"], "fake:8y8"),
        (["--mode=evaluate"], "give one by --workdir"),
        ([SMOKE, "--config.model.latent_dim=0"], "model.latent_dim = 0 must be at least 1"),
        ([SMOKE, "--config.evaluate.batch_size=0"], "evaluate.batch_size = 0 must be at least 1"),
        ([SMOKE, "--config.evaluate.feature_steps=-3"], "evaluate.feature_steps = -3 must be at least 0"),
        ([SMOKE, "--config.optimizer.energy.clip_norm=-1"], "optimizer.energy.clip_norm = -1.0 must be at least 0"),
        ([SMOKE, "--config.seed=99999999999"], "seed = 99999999999 must be in"),
        ([SMOKE, "--config.seed=0x" + "f" * 5000], "seed = a number of thousands of digits must be in"),
        ([SMOKE, "--config.optimizer.energy.learning_rate=inf"], "learning_rate = inf must be finite"),
        ([SMOKE, "--config.model.sigma=1e39"], "model.sigma = 1e\\+39 must be finite, in 32 bits"),
        ([SMOKE, "--config.model.generator.widths=(32.5,)"], "widths = \\(32.5,\\) must hold whole numbers, not 32.5"),
        ([SMOKE, "--config.model.energy.widths=(8,1e999)"], "energy.widths = \\(8, inf\\) must be finite"),
        ([SMOKE, "--config.model.energy.widths="], "must hold whole numbers, not ''"),
        ([SMOKE, "--workdir="], "--workdir= has no value"),
        ([SMOKE, "--workdir= "], "--workdir= has no value"),
        ([SMOKE, "--workdir=" + "a" * 5000], "--workdir=a+ \\.\\.\\.: File name too long"),
        ([f"--config={'a' * 5000}"], "there is no file 'a+ \\.\\.\\."),
        ([SMOKE, "--config.data.name=a\nb"], "may not hold control characters"),
        ([SMOKE, "--config.data.name=npz:\udcff.npz"], "bytes that are not UTF-8"),
    ],
    ids=lambda v: " ".join(v)[-45:].replace(str(ROOT), "") if isinstance(v, list) else None,
)
def test_one_clear_line(words, expected, fails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = fails(*words)
    assert re.search(expected, line), line
    assert len(line) < 400


@pytest.mark.parametrize(
    "write, expected",
    [
        (lambda path: path.write_bytes(b"PK\x03\x04 cut off"), "broken.npz"),
        (lambda path: np.savez(path, x_train=np.zeros((40, 8, 8, 4), np.uint8)), "broken.npz"),
        (lambda path: np.savez(path, x_train=np.array([{}, {}], object)), "broken.npz"),
        (lambda path: np.savez(path, x_train=np.full((40, 7, 8), -3.0)), "broken.npz"),
    ],
    ids=["truncated", "four channels", "pickled", "float images"],
)
def test_bad_npz(write, expected, fails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "broken.npz")
    assert expected in fails(SMOKE, "--config.data.name=npz:broken.npz")
    assert not (tmp_path / "runs").exists()


def test_a_broken_config_file_is_named(fails, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def get_config():\n    return 1 / 0\n")
    assert "mine.py: ZeroDivisionError" in fails(f"--config={path}")
    path.write_text("def get_config():\n    return {}['x']\n")
    assert "mine.py: KeyError: 'x'" in fails(f"--config={path}")
    path.write_text("def get_config():\n    return open('absent.txt')\n")
    assert "mine.py: OSError: " in (said := fails(f"--config={path}")) and "absent.txt" in said
    path.write_text("def get_config():\n    return {'a': 1}\n")
    assert "mine.py: get_config() must return an ml_collections.ConfigDict" in fails(f"--config={path}")
    path.write_text("def get_config(:\n")
    assert "mine.py: SyntaxError" in fails(f"--config={path}")


def test_another_run_in_the_folder_is_refused(fails, tmp_path):
    workdir = tmp_path / "run"
    (workdir / "checkpoints" / "5").mkdir(parents=True)
    (workdir / "config.json").write_text("{broken")
    assert "config.json" in fails(SMOKE, f"--workdir={workdir}")


def test_a_config_of_something_else(fails, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from ml_collections import ConfigDict\n\ndef get_config():\n    return ConfigDict({'a': 1})\n")
    assert "without the field experiment" in fails(f"--config={path}", f"--workdir={tmp_path}/run")


def test_two_processes_in_one_folder(fails, tmp_path):
    from ebmjax.files import only_one

    with only_one(tmp_path):
        assert "another process is using" in fails(SMOKE, f"--workdir={tmp_path}")


def test_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(EXPERIMENT, ["latent_ebm", "--help"], doc="A title.")
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "A title." in shown and "--workdir" in shown


AGAIN = "the same command goes on from {}: python -m experiments.latent_ebm --config="


@pytest.mark.parametrize(
    "error, code, said",
    [
        (Interrupted(35, 400), 130, "stopped at step 35 of 400; " + AGAIN.format("there")),
        (KeyboardInterrupt(), 130, "interrupted; " + AGAIN.format("the last checkpoint")),
        (CheckpointError("cannot write a checkpoint in x"), 1, f"error: cannot write a checkpoint in x{cli.MENDED}"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x/metrics.jsonl"),
            1,
            f"error: cannot read or write x/metrics.jsonl: No space left on device{cli.MENDED}",
        ),
        (MemoryError(), 1, f"error: {cli.OUT_OF_MEMORY}"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore"),
            1,
            f"error: {cli.OUT_OF_MEMORY} (RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.)",
        ),
    ],
)
def test_what_ends_a_training_is_one_line(error, code, said, capsys, tmp_path, monkeypatch):
    def ended(*arguments):
        raise error

    monkeypatch.setattr(run, "train", ended)
    with pytest.raises(SystemExit) as stopped:
        cli.main(EXPERIMENT, ["latent_ebm", SMOKE, f"--workdir={tmp_path}/run"])
    assert stopped.value.code == code
    *told, line = capsys.readouterr().err.splitlines()
    assert line.startswith(said) and all(other.startswith("latent_ebm: ") for other in told)


def test_a_run_that_diverged_leaves_a_page(fails, tmp_path, monkeypatch):
    """With the cause on top, in the work directory and not in that of the baseline that broke; until it goes on."""

    def broken(*arguments):
        raise Diverged("gaussian", 40, [Problem("energy_gap not finite", "less")], healthy=20, saved=20, rollbacks=0)

    monkeypatch.setattr(run, "train", broken)
    line = fails(SMOKE, f"--workdir={tmp_path}/run", code=1)
    said = "gaussian diverged at step 40: energy_gap not finite (healthy at step 20"
    assert line.startswith(f"error: {said}") and line.endswith(f"; see {tmp_path}/run/report.html")
    page = (tmp_path / "run" / "report.html").read_text()
    assert f'</h1><p class="warn">{said}' in page
    monkeypatch.setattr(run, "train", lambda *arguments: (None, 0.0))
    monkeypatch.setattr(run, "finish", lambda *arguments: None)
    cli.main(EXPERIMENT, ["latent_ebm", SMOKE, "--config.evaluate.opponents=()", f"--workdir={tmp_path}/run"])
    assert not (tmp_path / "run" / "diverged.txt").exists()


@pytest.mark.parametrize("name", ["absent", "sweep", "os.path", "..pieces", ""])
def test_a_foreign_folder_names_no_module(name, tmp_path):
    """`experiment` of a config.json that came from elsewhere is looked up among the experiments, and nowhere else."""
    (tmp_path / "checkpoints" / "5").mkdir(parents=True)
    (tmp_path / "config.json").write_text(f'{{"experiment": "{name}"}}')
    with pytest.raises(ConfigError, match="config.json: .*(unknown experiment|trains no method)"):
        restore(tmp_path)


@pytest.mark.parametrize(
    "error, why",
    [
        (AssertionError(), ""),  # JAX's for a platform that has no plugin
        (RuntimeError("Unable to initialize backend 'foo'\nmore"), ": Unable to initialize backend 'foo'"),
    ],
)
@pytest.mark.parametrize("command", ["latent_ebm", "sample", "evaluate"])
def test_no_device(error, why, command, monkeypatch, capsys, tmp_path):
    """JAX_PLATFORMS=cuda where there is none: the commands that compute say so."""

    def none():
        raise error

    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(jax, "devices", none)
    with pytest.raises(SystemExit) as stopped:
        if command == "evaluate":
            sys.exit(evaluate.main([str(tmp_path), "--with", "fid"]))
        if command == "latent_ebm":
            cli.main(EXPERIMENT, ["latent_ebm", SMOKE, f"--workdir={tmp_path}/run"])
        with cli.arguments_of("sample", sample.DEFAULT_CONFIG, ["sample", f"--workdir={tmp_path}/run"]) as arguments:
            sample.sample(arguments)
    assert stopped.value.code == 2
    said = (
        "error: JAX finds no device (JAX_PLATFORMS=cuda asks for what is not there; unset it, or install ebmjax[cuda]"
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said) and line.endswith(f"or ebmjax[tpu]){why}")


def test_settings_of_the_environment_that_jax_refuses():
    """JAX reads them when it is imported, long before the command line."""
    env = os.environ | {"JAX_ENABLE_X64": "maybe", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "experiments.latent_ebm", "--help"]
    told = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert told.returncode == 2
    assert told.stderr == "error: cannot start: invalid truth value 'maybe' for environment 'JAX_ENABLE_X64'\n"


def test_windows(tmp_path):
    """It has no fcntl: training says where it runs, in one line; the rest works."""
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import ebmjax.mcmc, ebmjax.methods, ebmjax.data, ebmjax.evaluation, ebmjax.report, ebmjax.viz.health\n"
        "from ebmjax.files import write_atomically; import pathlib; write_atomically(pathlib.Path('a'), 'b')\n"
        "import experiments.latent_ebm"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert told.returncode == 2 and (tmp_path / "a").read_text() == "b"
    assert told.stderr == "error: cannot start: ebmjax.training runs on Linux and macOS; on Windows, use WSL\n"
