"""A checkpoint that is damaged or foreign costs one line and the steps since the last sound one, and runs nothing."""

import ast
import gc
import os
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ebmjax.training.checkpoint import CheckpointError

ROOT = Path(__file__).parents[2]


# What is left of a failed read in Orbax's threads is reported by whoever collects it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect():
    yield
    gc.collect()


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def checkpoints(toy):
    return toy.folder / "run" / "checkpoints"


def array_file(folder):
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def flip_a_bit(folder):
    path = array_file(folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def edit_the_config(folder):
    path = folder / "meta" / "metadata"
    path.write_text(path.read_text().replace('"rollbacks": 0', '"rollbacks": 7'))


DAMAGE = {
    "a flipped bit": (flip_a_bit, "its arrays do not match their checksum"),
    "an edited config": (edit_the_config, "its config does not match its checksum"),
    "cut off arrays": (lambda folder: os.truncate(array_file(folder), 1000), ""),
    "no arrays": (lambda folder: array_file(folder).unlink(), ""),
    "no config": (lambda folder: shutil.rmtree(folder / "meta"), '"meta" was not found'),
    "zeros": (lambda folder: array_file(folder).write_bytes(bytes(array_file(folder).stat().st_size)), ""),
    "nothing": (lambda folder: (shutil.rmtree(folder), folder.mkdir()), "not found"),
    "an older one": (lambda folder: (shutil.rmtree(folder), shutil.copytree(folder.with_name("8"), folder)), "step 8"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_falls_back_to_the_last_sound_checkpoint(damage, stopped, undisturbed, capsys):
    harm, why = DAMAGE[damage]
    harm(checkpoints(stopped) / "16")
    assert_equal(stopped.train(), undisturbed)
    lines = [line for line in capsys.readouterr().err.splitlines() if "unreadable" in line]
    assert len(lines) == 1 and lines[0].startswith("checkpoint 16 cannot be read") and why in lines[0]
    assert (checkpoints(stopped) / "unreadable-16").is_dir()


def test_foreign_checkpoint_falls_back(stopped, undisturbed, tmp_path, capsys):
    """One of a method with other parameters, under the same config."""
    stopped.train(name="other", num_steps=24, ema_decay=0.5)
    shutil.copytree(tmp_path / "other" / "checkpoints" / "24", checkpoints(stopped) / "24")
    assert_equal(stopped.train(), undisturbed)
    assert "checkpoint 24 cannot be read" in capsys.readouterr().err


def test_what_is_no_checkpoint_is_left_alone(stopped, undisturbed):
    (checkpoints(stopped) / "30").write_text("a file")
    (checkpoints(stopped) / "notes").mkdir()
    (checkpoints(stopped) / "30.orbax-checkpoint-tmp-1").mkdir()  # of a save that was cut off
    assert_equal(stopped.train(), undisturbed)
    assert (checkpoints(stopped) / "30").is_file()


def test_no_sound_checkpoint_is_said_and_touched_not(stopped):
    for step in ("8", "16"):
        flip_a_bit(checkpoints(stopped) / step)
    with pytest.raises(CheckpointError, match="no checkpoint in .* is sound .16: its arrays .*; 8: its arrays"):
        stopped.train()
    assert {"8", "16"} <= {p.name for p in checkpoints(stopped).iterdir()}


def test_damaged_metrics_are_read_as_far_as_they_go(stopped, undisturbed):
    (stopped.folder / "run" / "metrics.jsonl").write_bytes(b'{"step": 4}\n\xff\xfe\x00{"step": 8}\n')
    assert_equal(stopped.train(), undisturbed)
    assert [row["step"] for row in stopped.rows()] == [4, *range(20, 41, 4)]


def test_loading_executes_nothing(stopped, undisturbed):
    """No pickle is read, and nothing is compiled from text, however a checkpoint looks."""
    seen = []
    watching = [True]  # an audit hook cannot be taken away

    def hook(event, arguments):
        if watching and event in {"pickle.find_class", "marshal.loads", "os.system", "subprocess.Popen"}:
            seen.append(event)

    stopped.train(num_steps=2)  # restores only; imports whatever is imported late
    sys.addaudithook(hook)
    try:
        stopped.train(num_steps=2)
    finally:
        watching.clear()
    assert not seen


def test_no_module_can_unpickle():
    for path in sorted((ROOT / "ebmjax").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, path
            if isinstance(node, ast.Call):
                assert getattr(node.func, "id", None) not in {"eval", "exec"}, path
                allowed = [k for k in node.keywords if k.arg == "allow_pickle"]
                assert all(getattr(k.value, "value", True) is False for k in allowed), path
