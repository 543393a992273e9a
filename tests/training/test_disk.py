"""A disk that is full, read-only or gone costs one line and the steps since the last checkpoint, whatever it hits."""

import contextlib
import errno
import fcntl
import gc
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax import files
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.metrics import MetricsWriter
from experiments.latent_ebm import EXPERIMENT

ROOT = Path(__file__).parents[2]
SMOKE = f"--config={ROOT}/configs/latent_ebm/digits.py:smoke"
MENDED = "; once that is mended, the same command goes on from the last sound checkpoint"


# What is left of a save that failed in Orbax's threads is reported by whoever collects it.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.fixture(autouse=True)
def collect():
    yield
    gc.collect()


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@contextlib.contextmanager
def files_end_at(size):
    """No file of this process can grow beyond `size` bytes: a disk that fills up, with another number for the error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)  # or the cache would keep what was cut off
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)


def test_a_disk_that_fills_up_at_a_checkpoint(stopped, undisturbed):
    with files_end_at(100_000), pytest.raises(CheckpointError, match="cannot write a checkpoint in .*run/checkpoints"):
        stopped.train()
    assert_equal(stopped.train(), undisturbed)


def test_a_disk_that_is_full_for_metrics(stopped, undisturbed):
    with files_end_at(700), pytest.raises(OSError, match="metrics.jsonl"):
        stopped.train()
    assert_equal(stopped.train(), undisturbed)


def test_a_full_disk_cannot_hang_the_event_file(tmp_path):
    """As long as it waits for nobody, writing fails at once; more rows than any queue would hold."""
    writer = MetricsWriter(tmp_path)
    with files_end_at(1000), pytest.raises(OSError, match="tensorboard"):
        for step in range(100):
            writer.path.unlink(missing_ok=True)
            writer.write(step, {f"metric_{i}": float(step) for i in range(20)})


def test_a_folder_that_vanishes(stopped, undisturbed):
    """It is moved away between two checkpoints, as an unmounted disk would be, and comes back afterwards."""
    here, away, asked = stopped.folder / "run", stopped.folder / "away", []

    def vanish():  # asked at steps 18, 20, ...
        asked.append(True)
        if len(asked) == 5:
            while not (here / "checkpoints" / "24").exists():
                time.sleep(0.01)
            here.rename(away)
        return False

    with pytest.raises(OSError, match="run/metrics.jsonl"):
        stopped.train(stop_requested=vanish)
    away.rename(here)
    assert_equal(stopped.train(), undisturbed)


def test_a_folder_that_cannot_be(fails, tmp_path):
    (tmp_path / "file").touch()
    said = fails(SMOKE, f"--workdir={tmp_path}/file/run", code=1)
    assert said.endswith("file/run: Not a directory; mend that, or choose another --workdir")


def test_a_full_disk_at_the_command_line(fails, tmp_path):
    with files_end_at(1500):
        said = fails(SMOKE, f"--workdir={tmp_path}/run", code=1)
    assert said == f"error: cannot read or write {tmp_path}/run/config.json: File too large{MENDED}"


@pytest.mark.slow
def test_a_full_disk_while_training(fails, tmp_path, monkeypatch):
    def full(self, step, metrics):
        raise OSError(errno.ENOSPC, "No space left on device", str(self.path))

    monkeypatch.setattr(MetricsWriter, "write", full)
    said = fails(SMOKE, f"--workdir={tmp_path}/run", code=1)
    assert said == f"error: cannot read or write {tmp_path}/run/metrics.jsonl: No space left on device{MENDED}"


@pytest.mark.slow
def test_nothing_but_one_line_is_printed(tmp_path):
    """Orbax writes in threads that print pages when the disk is full; the images that it fills first are left out."""
    code = f"""
import resource, sys
from ebmjax.training import cli
from experiments.latent_ebm import EXPERIMENT
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
cli.main(EXPERIMENT._replace(draw_samples=None), ["latent_ebm", {SMOKE!r}, "--workdir={tmp_path}/run"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1e9", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("latent_ebm: ", "train  step"))]
    assert len(lines) == 1 and lines[0].startswith(f"error: cannot write a checkpoint in {tmp_path}/run"), done.stderr
    assert lines[0].endswith(MENDED)


@pytest.mark.slow
def test_a_folder_that_vanishes_at_the_command_line(fails, tmp_path):
    vanishing = EXPERIMENT._replace(draw_samples=lambda x, path: (tmp_path / "run").rename(tmp_path / "away"))
    assert "run" in fails(SMOKE, f"--workdir={tmp_path}/run", code=1, experiment=vanishing)


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A folder that may be read and not written, by someone who is not root."""
    (tmp_path / "frozen").mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents)[:4]:  # with several processes of pytest there is one level more
        folder.chmod(folder.stat().st_mode | 0o055)
    if os.geteuid() != 0:
        yield tmp_path / "frozen"
        return
    os.seteuid(65534)
    try:
        yield tmp_path / "frozen"
    finally:
        os.seteuid(0)


def test_a_read_only_folder(read_only, fails):
    said = fails(SMOKE, f"--workdir={read_only}/run", code=1)
    assert f"cannot read or write {read_only}/run: Permission denied" in said
    assert f"{read_only}/.lock: Permission denied" in fails(SMOKE, f"--workdir={read_only}", code=1)


def test_file_systems_without_locks(tmp_path, capsys, monkeypatch):
    def unsupported(file, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with files.only_one(tmp_path):
        assert "cannot be locked" in capsys.readouterr().err
