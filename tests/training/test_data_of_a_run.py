"""A run keeps to its data: replaced data are refused, and relative paths are kept absolute."""

import os

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from ebmjax.data import DataError, load
from ebmjax.methods.base import create_state
from ebmjax.training.arguments import parse
from ebmjax.training.config import ConfigError, check_same_run, flatten, with_absolute_paths
from ebmjax.training.devices import enable_compilation_cache
from ebmjax.training.experiment import Experiment, Job
from ebmjax.training.run import open_job, train
from ebmjax.training.settings import Settings
from ebmjax.training.workdir import begin, check_same_data, reconcile
from ebmjax.types import Method
from experiments.latent_ebm import EXPERIMENT

X = np.random.RandomState(0).randint(0, 256, (40, 3, 4, 1), np.uint8)


def counting():
    """A method that only counts its steps."""
    init = lambda key, batch: create_state(key, {"energy": {"w": jnp.zeros(2)}}, {"energy": optax.sgd(0.1)}, {})
    step = lambda state, batch: (state._replace(step=state.step + 1), {"energy_gap": jnp.float32(0)})
    return Method(init, step, lambda state, key, num: None, lambda state, key, batch: {}, {})


def train_on(folder, x, num_steps, mode="train", **fields):
    """Train in folder/run on the training images `x`."""
    np.savez(folder / "a.npz", x_train=x, x_test=X[:5])
    data = load(f"npz:{folder}/a.npz")._replace(**fields)
    experiment = Experiment("configs/none/a.py", None, None, draw_samples=None)
    job = Job(experiment, ConfigDict({"seed": 0}), data, Settings(num_steps, 8), folder / "run", mode, "")
    return int(train(job, counting())[0].state.step)


def test_replaced_data_are_refused(tmp_path):
    assert train_on(tmp_path, X, 2) == 2 and train_on(tmp_path, X, 4) == 4
    other = X.copy()
    other[17, 1, 1] ^= 1
    for x, what in ((other, r"uint8\[40, 3, 4, 1\]"), (X[:39], r"uint8\[39, 3, 4, 1\]")):
        for mode in ("train", "evaluate"):
            said = rf"run holds a run with other data .*: x_train: uint8\[40, 3, 4, 1\] \w+ there, {what} \w+ now; put"
            with pytest.raises(ConfigError, match=said) as error:
                train_on(tmp_path, x, 6, mode)
            assert "\n" not in str(error.value) and "x_test" not in str(error.value)
    assert train_on(tmp_path, X, 6) == 6  # put back


def test_a_run_without_a_fingerprint_continues_and_gets_one(tmp_path):
    """As checkpoints of earlier versions."""
    train_on(tmp_path, X, 2, fingerprint=None)
    assert train_on(tmp_path, X[::-1], 4) == 4
    with pytest.raises(ConfigError, match="other data of the same name"):
        train_on(tmp_path, X, 6)


def test_every_part_that_differs_is_named(tmp_path):
    there, now = {"x_train": "a", "x_test": "c"}, {"x_train": "b", "x_test": "c", "vocabulary": "d"}
    with pytest.raises(ConfigError, match="vocabulary: None there, d now; x_train: a there, b now; put back"):
        check_same_data(there, now, tmp_path)
    check_same_data(there, dict(there), tmp_path)


def test_a_run_is_continued_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    np.savez(tmp_path / "here" / "a.npz", x=X)
    words, workdir = ["--config.data.name=npz:../here/a.npz", f"--workdir={tmp_path}/run"], tmp_path / "run"
    read = lambda *words: reconcile(EXPERIMENT, parse(["", *words], "configs/latent_ebm/digits.py"), workdir)
    root = os.getcwd()
    config = f"--config={root}/configs/latent_ebm/digits.py"
    monkeypatch.chdir(tmp_path / "here")
    saved, command = read(config, *words)
    assert saved.data.name == f"npz:{tmp_path}/here/a.npz" and "npz:../here/a.npz" in command
    (workdir / "checkpoints" / "5").mkdir(parents=True)
    begin(workdir, saved, command)
    monkeypatch.chdir(root)
    assert read(f"--workdir={workdir}")[0].data.name == saved.data.name
    assert load(**read(f"--workdir={workdir}")[0].data).x_train.shape == (36, 3, 4, 1)
    # The same relative words from elsewhere are another file: both are named.
    with pytest.raises(ConfigError, match=f"data.name: npz:{tmp_path}/here/a.npz there, npz:{root}/a.npz now"):
        read(config, "--config.data.name=npz:a.npz", f"--workdir={workdir}")


def test_paths_of_earlier_runs_compare_as_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = ConfigDict({"data": {"name": "npz:a.npz"}, "foreign": ("wine", "lines:b.txt"), "other": "digits"})
    found = flatten(with_absolute_paths(plain))
    assert found == {
        "data.name": f"npz:{tmp_path}/a.npz",
        "foreign": ("wine", f"lines:{tmp_path}/b.txt"),
        "other": "digits",
    }
    assert plain.data.name == "npz:a.npz"
    check_same_run(plain, with_absolute_paths(plain), tmp_path)


@pytest.fixture
def homeless(monkeypatch):
    """No HOME, and a user without an entry in the system's list."""

    def absent(uid):
        raise KeyError(uid)

    for name in ("HOME", "EBMJAX_CACHE", "JAX_COMPILATION_CACHE_DIR", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", absent)
    from ebmjax.data.base import say

    say.cache_clear()


def test_without_a_home_folder_nothing_is_cached(homeless, capsys, tmp_path, monkeypatch):
    from ebmjax.data import cache, prepare
    from ebmjax.evaluation.download import download

    enable_compilation_cache()
    folder = cache.root()
    assert folder.is_dir() and cache.root() == folder and cache.lasting() is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "nothing is cached beyond this run; EBMJAX_CACHE=FOLDER" in said
    assert len(load("fake:4x4x1").x_train) == 512
    for attempt, what in (
        (lambda: load("npz:~/x.npz"), "npz:~/x.npz: no such file"),
        (lambda: load("svhn_cropped"), "set TFDS_DATA_DIR"),
        (lambda: prepare.prepare("svhn_cropped"), "set TFDS_DATA_DIR"),
        (download, "set EBMJAX_CACHE"),
    ):
        with pytest.raises(DataError, match=what):
            attempt()
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path))
    assert cache.root() == tmp_path


def test_a_run_without_a_home_folder_begins(homeless, tmp_path, monkeypatch):
    monkeypatch.setattr("jax.config.update", lambda *words: pytest.fail("no place for compiled programs"))
    arguments = parse(
        ["", "--config.data.name=fake:8x8x1", f"--workdir={tmp_path}/run"], "configs/latent_ebm/digits.py"
    )
    assert open_job(EXPERIMENT, arguments).dataset.name == "fake:8x8x1"
