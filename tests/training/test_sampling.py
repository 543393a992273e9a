"""--mode=sample: numbers, seeds and files of samples, in the units of the data, from a folder that is only read."""

import json
import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from ebmjax.data import load, spec, with_labels
from ebmjax.methods.base import apply_gradients, create_state
from ebmjax.report.results import OWN
from ebmjax.training import cli
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.job_data import keep, kept
from ebmjax.types import EOS, Method

OPTIMIZERS = {"energy": optax.sgd(0.0)}
WORD = EOS + 1  # the most frequent one
CONFIG = """
from configs.common import base

def get_config():
    config = base("latent_ebm", {name!r})
    config.train.update(num_steps=2, batch_size=4, checkpoint_every=2)
    return config
"""


def toy(config, data_spec, **prepared):
    """Learns nothing; draws noise about .5, wider than the range of images, or the sentence of one word."""
    words = np.resize([WORD, EOS, 0, 0, 0], data_spec.shape)

    def init(rng_key, batch):
        return create_state(rng_key, {"energy": jnp.full(data_spec.shape, 0.5)}, OPTIMIZERS, {})

    def train_step(state, batch):
        state = apply_gradients(state, OPTIMIZERS, jax.tree.map(jnp.zeros_like, state.params))
        return state._replace(step=state.step + 1), {"energy_gap": jnp.zeros(())}

    def sample(state, rng_key, num):
        if data_spec.vocab_size is not None:
            return jnp.tile(words, (num, 1))
        return state.params["energy"] + jax.random.normal(rng_key, (num, *data_spec.shape))

    return Method(init, train_step, sample, lambda state, key, batch: {}, {})


TOY = Experiment(
    "configs/latent_ebm/digits.py",
    toy,
    lambda run: Evaluation({OWN: {"a": 1.0}}, "", {}),
    prepare=lambda config, data_spec: {"stage": (config, toy(config, data_spec))},
)


def command(folder, *words):
    cli.main(TOY, ["latent_ebm", *map(str, words), f"--workdir={folder}"])


def trained(folder, name):
    """The folder of a trained toy on the data set `name`."""
    (folder / "toy.py").write_text(CONFIG.format(name=name))
    command(folder / "run", f"--config={folder}/toy.py")
    return folder / "run"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Trained on images that are gone."""
    folder = tmp_path_factory.mktemp("images")
    np.savez(folder / "x.npz", x_train=np.arange(20 * 12).reshape(20, 3, 4, 1).astype(np.uint8))
    run = trained(folder, f"npz:{folder}/x.npz")
    (folder / "x.npz").unlink()
    return run


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def drawn(run, out, *words):
    command(run, "--mode=sample", f"--out={out}", *words)
    return np.load(out)


def test_images_without_their_data_from_a_folder_that_is_only_read(images, tmp_path):
    for lock in images.rglob(".lock"):
        lock.unlink()
    before = tree(images)
    found = drawn(images, tmp_path / "new" / "x.npz", "--num=250", "--seed=3")
    assert tree(images) == before
    x, about = found["x"], json.loads(str(found["about"]))
    assert x.shape == (250, 3, 4, 1) and x.dtype == np.uint8 and x.min() == 0 and x.max() == 255
    # 127.5 (1 + min(.5 + n, 1)) of a normal n, from 0: the median is 191.
    assert abs(np.median(x) - 191) < 8
    assert about["seed"] == 3 and about["num_steps"] == 2 and about["units"] == "pixels from 0 to 255, as in the data"
    assert about["experiment"] == "latent_ebm" and about["run"] == str(images) and about["dataset"].startswith("npz:")
    picture = Image.open(tmp_path / "new" / "x.png")
    assert picture.height < 1.1 * picture.width  # ten rows of ten


def test_checkpoints_are_left_alone(images, tmp_path, capsys):
    """One that another process is writing, and one that is damaged, which costs a line."""
    run = shutil.copytree(images, tmp_path / "run")
    (run / "checkpoints" / "6.orbax-checkpoint-tmp").mkdir()
    (run / "checkpoints" / "4").mkdir()
    before = tree(run)
    found = drawn(run, tmp_path / "x.npz")
    assert tree(run) == before and json.loads(str(found["about"]))["num_steps"] == 2
    assert "checkpoint 4 cannot be read" in capsys.readouterr().err


def test_seeds_and_numbers(images, tmp_path):
    """A seed gives the same samples however many are asked for; batches differ, and so do seeds."""
    of = lambda n, s: drawn(images, tmp_path / f"{n}-{s}.npz", f"--num={n}", f"--seed={s}")["x"]
    x = {(n, s): of(n, s) for n, s in ((250, 0), (30, 0), (30, 1))}
    np.testing.assert_array_equal(x[250, 0][:30], x[30, 0])
    assert (x[250, 0][:100] != x[250, 0][100:200]).mean() > 0.5 and (x[30, 0] != x[30, 1]).mean() > 0.5


def test_without_options_as_ever(images, tmp_path):
    """100 samples in the range of training, into the run's folder, by the config's seed."""
    run = shutil.copytree(images, tmp_path / "run")
    command(run, "--mode=sample")
    x = np.load(run / "samples.npy")
    assert x.shape == (100, 3, 4, 1) and x.dtype == np.float32 and (run / "samples.png").exists()
    same = drawn(images, tmp_path / "x.npz", "--seed=0")["x"]
    np.testing.assert_array_equal(same, np.rint((np.clip(x, -1, 1) + 1) * 127.5))


def test_tables(tmp_path, capsys):
    found = drawn(trained(tmp_path, "gmm"), tmp_path / "t.npz", "--num=7")
    assert found["x"].shape == (7, 2) and found["x"].dtype == np.float32
    assert json.loads(str(found["about"]))["units"] == "columns of the data"
    assert not (tmp_path / "t.png").exists() and "no picture" in capsys.readouterr().out


def test_sentences(tmp_path):
    (tmp_path / "x.txt").write_text("the cat sat\nthe dog\n" * 20)
    run = trained(tmp_path, f"lines:{tmp_path}/x.txt")
    (tmp_path / "x.txt").unlink()
    found = drawn(run, tmp_path / "s.npz", "--num=3")
    assert found["text"].tolist() == ["the"] * 3 and found["x"].shape == (3, 4)


def test_a_run_of_an_earlier_version_needs_its_data(images, tmp_path, fails):
    run = shutil.copytree(images, tmp_path / "run")
    (run / "data.json").unlink()
    words = ["--mode=sample", f"--workdir={run}", f"--out={tmp_path}/x.npz"]
    assert "x.npz" in fails(*words, experiment=TOY)
    (run / "data.json").write_text("{")
    assert "data.json cannot be read" in fails(*words, experiment=TOY)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--num=3"], "--num belongs to --mode=sample, not to --mode=train"),
        (["--mode=evaluate", "--seed=3"], "--seed belongs to .* the seed of a training is --config.seed"),
        (["--mode=sample", "--num=0"], "num"),
        (["--mode=sample", "--seed=-1"], "seed"),
        (["--mode=sample", "--out=x.npy"], "--out=x.npy: the name of the file of samples must end in .npz"),
        (["--mode=sample", "--out={file}/x.npz"], "cannot be written .File exists.: give another --out=FILE.npz"),
        (["--mode=sample", "--out={folder}.npz"], "cannot be written .it is a folder."),
    ],
)
def test_refusals(words, said, images, tmp_path, fails):
    (tmp_path / "folder.npz").mkdir()
    places = {"file": images / "config.json", "folder": tmp_path / "folder"}
    line = fails(*(word.format(**places) for word in words), f"--workdir={images}", experiment=TOY)
    assert re.search(said, line), line


def test_nothing_is_drawn_where_it_could_not_be_written(images, fails, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ebmjax.training.sampling.check_writable", refused)
    monkeypatch.setattr("ebmjax.training.sampling.train", None)
    line = fails("--mode=sample", f"--workdir={images}", experiment=TOY)
    assert f"{images}/samples.npy cannot be written (Permission denied): give another --out=FILE.npz" in line


@pytest.mark.parametrize("name", ["digits", "wine", "gmm", "pydoc", "digits with labels"])
def test_what_is_kept_of_data(name, tmp_path):
    """Everything that a method is built from, and the shapes and dtypes of all arrays."""
    data = load(name.split()[0])
    data = with_labels(data, 2, (0, 1)) if "labels" in name else data
    keep(tmp_path, data)
    found = kept(tmp_path)
    assert spec(found) == spec(data) and found.vocabulary == data.vocabulary and found.name == data.name
    of = lambda data: {k: (a.shape, a.dtype) for k, a in data._asdict().items() if isinstance(a, np.ndarray)}
    assert of(found) == of(data)
