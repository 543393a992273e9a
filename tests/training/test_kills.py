"""Twenty SIGKILLs at random moments of one training leave no trace in its results."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FIELDS = ["train.num_steps=2000", "train.checkpoint_every=20", "train.log_every=20"]


def start(workdir):
    words = [f"--config={ROOT}/configs/latent_ebm/digits.py:smoke", *(f"--config.{field}" for field in FIELDS)]
    command = [sys.executable, "-m", "experiments.latent_ebm", *words, f"--workdir={workdir}"]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


def steps_saved(workdir):
    """Steps of the newest checkpoints of the method and of its baseline."""
    folders = (workdir / "checkpoints", workdir / "baselines" / "gaussian_trained" / "checkpoints")
    return sum(max((int(p.name) for p in f.glob("*") if p.name.isdecimal()), default=0) for f in folders)


def results(workdir):
    found = json.loads((workdir / "results.json").read_text())
    return {k: v for k, v in found.items() if not k.endswith("seconds") and k != "commit"}


def kill(workdir, rng):
    """Start, kill, and say where it got to; one time in four during the start, else soon after a new checkpoint."""
    before, process = steps_saved(workdir), start(workdir)
    if rng.random() < 0.25:
        time.sleep(rng.uniform(0, 8))
    else:
        while steps_saved(workdir) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
    assert process.poll() is None, process.communicate()[1].decode()[-1000:]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return steps_saved(workdir)


@pytest.mark.slow
def test_twenty_kills(takes_minutes, tmp_path):
    undisturbed = start(tmp_path / "undisturbed")
    assert undisturbed.wait(600) == 0
    rng = np.random.default_rng(0)
    steps = [kill(tmp_path / "killed", rng) for _ in range(20)]
    print("checkpoints after each kill:", steps)
    assert steps[-1] < 4000  # or the last kills met nothing to interrupt
    last = start(tmp_path / "killed")
    assert last.wait(600) == 0, last.communicate()[1].decode()[-1000:]
    assert results(tmp_path / "killed") == results(tmp_path / "undisturbed")
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("killed", "undisturbed")]
    figures = [[{k: v for k, v in json.loads(r).items() if k != "steps_per_second"} for r in rs] for rs in rows]
    assert figures[0] == figures[1]
