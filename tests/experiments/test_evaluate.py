"""experiments.evaluate: figures of a trained run with errors, kept with it, in closed form where there is one."""

import importlib
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.data import Dataset
from ebmjax.evaluation.download import weights_path
from ebmjax.report import results
from ebmjax.report.run_page import write_report
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained
from ebmjax.types import Method
from experiments import evaluate
from experiments.evaluators import EVALUATORS
from experiments.evaluators.base import Measured

OPTIONS = {"num": 500, "num_reference": 0, "batch_size": 500, "num_betas": 200, "num_chains": 200, "step_size": 0.5}
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def trained(flow_in_the_plane, tmp_path_factory):
    """A copy of the flow's folder."""
    return Path(shutil.copytree(flow_in_the_plane.folder, tmp_path_factory.mktemp("copied") / "flow"))


@pytest.mark.slow
def test_figures_are_added_and_stay(trained, run, capsys):
    own = json.loads((trained / "results.json").read_text())
    words = [str(trained), "--with", "log_likelihood", "frechet_pixels", "--num", "64", "--batch_size", "64"]
    assert evaluate.main(words) == 0 and evaluate.main(words) == 0  # the second time they are replaced
    held = json.loads((trained / "results.json").read_text())
    found = held.pop("evaluations")
    assert held == own
    assert [entry["name"] for entry in found] == ["test_log_likelihood", "frechet_pixels"]
    assert found[0]["value"] == pytest.approx(own["metrics"]["test_log_likelihood"], rel=1e-4)  # the same 64 points
    assert found[0]["standard_error"] > 0 and found[0]["counts"] == {"test": 64}
    assert {"protocol", "seed", "commit", "time", "machine", "num_steps"} <= set(found[0])
    assert "Evaluated afterwards" in (trained / "report.html").read_text()
    assert run("flow", None, "--mode=evaluate", folder=trained).results["evaluations"] == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, said",
    [
        (["fdi"], "--with fdi: no such evaluator; choose from frechet_pixels"),
        (["fid"], "--with fid: 8gaussians does not hold images"),
        (["kid", "--num", "0"], "--num 0 must be at least 1"),
        (["density_pixels", "--num", "5"], "--with density_pixels: needs at least 6 samples, got 5: set --num"),
        (["frechet_pixels", "--num", "1"], "--with frechet_pixels: needs at least 2 samples, got 1"),
        (["log_likelihood", "--num", "1"], "--with log_likelihood: needs at least 2 test examples, got 1"),
        (["annealed", "--num", "1"], "--with annealed: needs at least 2 training examples, got 1"),
        (
            ["frechet_pixels", "--protocol", "float"],
            "--protocol: unknown FID protocol 'float' (it is now called tf2015",
        ),
        (["annealed", "--step_size", "0"], "--step_size 0.0 must be > 0"),
    ],
)
def test_refusals(words, said, trained, capsys):
    assert evaluate.main([str(trained), "--with", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert evaluate.main([str(tmp_path / "none"), "--with", "fid"]) == 2
    error = capsys.readouterr().err
    assert "holds no trained run" in error and "Traceback" not in error


def never(*_):
    raise AssertionError("measured before everything was checked")


@pytest.mark.slow
def test_all_evaluators_are_checked_before_the_first_measures(trained, capsys, monkeypatch):
    monkeypatch.setitem(EVALUATORS, "frechet_pixels", EVALUATORS["frechet_pixels"]._replace(measure=never))
    assert evaluate.main([str(trained), "--with", "frechet_pixels", "kid", "--num", "64"]) == 2
    assert "--with kid: 8gaussians does not hold images" in capsys.readouterr().err


def test_a_fid_of_too_few_images_is_refused_before_any_features(monkeypatch):
    """By tf2015 whole batches of 50 count; elsewhere a covariance needs two. --num_reference, too."""
    monkeypatch.setattr("experiments.evaluators.samples.load_inception", never)
    x = np.zeros((200, 2, 2, 1), np.uint8)
    made = lambda **options: run({}, never, Dataset("toy", x, None, x, None, 255), inception="any.npz", **options)
    for options, said in (
        ({"num": 30}, "--with fid: needs at least 50 samples, got 30: set --num"),
        ({"num": 60, "num_reference": 49}, "needs at least 50 training images, got 49: set --num_reference"),
        ({"num": 1, "protocol": "clean-fid"}, "needs at least 2 samples, got 1"),
    ):
        with pytest.raises(ConfigError, match=said):
            EVALUATORS["fid"](made(**({"protocol": "tf2015"} | options)))
    with pytest.raises(ConfigError, match="--with kid: needs at least 50 samples, got 49"):
        EVALUATORS["kid"](made(num=49, protocol="tf2015"))


@pytest.mark.slow
def test_figures_of_a_run_that_may_not_be_written(trained, tmp_path, capsys, monkeypatch):
    """Refused before anything is measured; with --out they go elsewhere, and the run's folder stays as it is."""
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    touch = Path.touch

    def guarded(path, *arguments, **options):
        if path.is_relative_to(trained):
            raise PermissionError(13, "Permission denied", str(path))
        return touch(path, *arguments, **options)

    monkeypatch.setattr(Path, "touch", guarded)
    words = [str(trained), "--with", "frechet_pixels", "--num", "64", "--batch_size", "64"]
    with monkeypatch.context() as patched:
        patched.setattr(evaluate, "open_run", never)
        assert evaluate.main(words) == 2
        error = capsys.readouterr().err
        assert f"{trained}/results.json cannot be written (Permission denied): give --out=FILE.json" in error
    out = tmp_path / "new" / "figures.json"
    assert evaluate.main([*words, f"--out={out}"]) == 0
    held = json.loads(out.read_text())
    assert held["run"] == str(trained) and held["evaluations"][0]["name"] == "frechet_pixels"
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before
    out.write_text('{"run": "another", "evaluations": []}')
    assert evaluate.main([*words, f"--out={out}"]) == 2
    assert "holds figures of another run, another: give another --out=FILE.json" in capsys.readouterr().err


@pytest.mark.slow
def test_figures_that_cannot_be_saved_in_the_end_are_printed(trained, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "results.json")

    monkeypatch.setattr(evaluate, "add", full)
    assert evaluate.main([str(trained), "--with", "frechet_pixels", "--num", "64", "--batch_size", "64"]) == 2
    printed = capsys.readouterr()
    assert "frechet_pixels" in printed.out
    assert "error: cannot read or write results.json: No space left on device" in printed.err


def run(functions, sample, dataset, **options):
    trained = Trained(Method(None, None, sample, None, functions), None)
    return Measured(Path("run"), ConfigDict({"experiment": "toy"}), dataset, trained, KEY, OPTIONS | options)


def gaussian_data(sd):
    draw = lambda seed: (sd * np.random.default_rng(seed).normal(size=(500, 2))).astype(np.float32)
    return Dataset("toy", draw(0), None, draw(1), None, None)


def test_annealed_in_closed_form():
    """E = |x|² / 2: log Z = log 2π, and the test log-likelihood is -log 2π - mean |x|² / 2."""
    data = gaussian_data(1.0)
    energy = lambda state, x: jnp.sum(x**2, axis=1) / 2
    sample = lambda state, key, num: jax.random.normal(key, (num, 2))
    found = {f.name: f for f in EVALUATORS["annealed"](run({"energy": energy}, sample, data))}
    for bound in ("log_z_lower", "log_z_upper"):
        figure = found[bound]
        assert abs(figure.value - np.log(2 * np.pi)) < 4 * figure.standard_error < 0.2
    exact = -np.log(2 * np.pi) - np.mean(np.sum(data.x_test**2, axis=1)) / 2
    for bound, log_z in (("lower", "upper"), ("upper", "lower")):
        figure = found[f"test_log_likelihood_annealed_{bound}"]
        assert abs(figure.value - exact) < 4 * found[f"log_z_{log_z}"].standard_error


def test_a_method_with_an_energy_of_x_and_latents_is_annealed_in_x():
    """As `experiments.sample` does: chains of x from the model's samples, though there are latents, too."""
    data = gaussian_data(1.0)
    functions = {
        "data_energy": lambda state, x: jnp.sum(x**2, axis=1) / 2,
        "sample_latent": lambda state, key, num: jnp.zeros((num, 3)),
    }
    sample = lambda state, key, num: jax.random.normal(key, (num, 2))
    found = {f.name: f for f in EVALUATORS["annealed"](run(functions, sample, data, num_betas=50))}
    assert abs(found["log_z_upper"].value - np.log(2 * np.pi)) < 0.3 and "test_log_likelihood_annealed_lower" in found


def test_what_a_method_lacks_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path))
    data = gaussian_data(1.0)
    with pytest.raises(ConfigError, match="toy has no likelihood; try annealed"):
        EVALUATORS["log_likelihood"](run({}, None, data))
    images = data._replace(max_value=255)
    with pytest.raises(ConfigError, match="no weights of the FID Inception: pass --inception"):
        EVALUATORS["fid"](run({}, None, images, inception="", protocol="tf2015"))
    with pytest.raises(ConfigError, match="--inception nowhere.npz"):
        EVALUATORS["kid"](run({}, None, images, inception="nowhere.npz", protocol="tf2015"))
    weights_path().parent.mkdir(parents=True)
    np.savez(weights_path(), other=np.zeros(3))  # downloaded ones are found by themselves
    with pytest.raises(ConfigError, match="is damaged, delete it and download it again: .*no array"):
        EVALUATORS["fid"](run({}, None, images, inception="", protocol="tf2015"))


def test_kid_has_an_error_when_all_images_fit_into_a_subset(monkeypatch):
    """Features are the pixels here; subsets are of half of the images, so that they differ."""
    evaluators = importlib.import_module("experiments.evaluators.samples")
    monkeypatch.setattr(evaluators, "weights_of", lambda *_: None)
    monkeypatch.setattr(evaluators, "features_of", lambda *_: (lambda x: np.asarray(x).reshape(len(x), -1), "digest"))
    draw = lambda key, num: jax.random.uniform(key, (num, 2, 2, 1), minval=-1.0)
    images = np.asarray(127.5 * (draw(KEY, 40) + 1), np.uint8)
    made = lambda num: run(
        {},
        lambda _, *words: draw(*words),
        Dataset("toy", images, None, images, None, 255),
        num=num,
        protocol="pytorch-fid",
    )
    (figure,) = EVALUATORS["kid"](made(40)._replace(key=jax.random.key(1)))
    assert figure.standard_error > 0 and "100 subsets of 20" in figure.protocol
    with pytest.raises(ConfigError, match="needs at least 4 samples, got 3"):
        EVALUATORS["kid"](made(3))


def test_the_inception_score_of_certain_classes(monkeypatch, tmp_path):
    """Features are the first pixel, and the last layer makes two certain classes of it; weights without one say so."""
    evaluators = importlib.import_module("experiments.evaluators.samples")
    np.savez(tmp_path / "weights.npz", **{"fc.weight": 1e4 * np.eye(2, 2048, dtype=np.float32)})
    one_hot = lambda x: np.eye(2, 2048)[(np.asarray(x)[:, 0, 0, 0] > 0).astype(int)]
    monkeypatch.setattr(evaluators, "features_of", lambda *_: (one_hot, "digest"))
    images = np.zeros((40, 2, 2, 1), np.uint8)
    draw = lambda _, key, num: jnp.ones((num, 2, 2, 1)) * jnp.where(jnp.arange(num) % 2, 1.0, -1.0)[:, None, None, None]
    options = {"num": 40, "batch_size": 40, "num_splits": 4, "protocol": "pytorch-fid"}
    made = lambda file, **more: run(
        {}, draw, Dataset("toy", images, None, images, None, 255), inception=str(tmp_path / file), **(options | more)
    )
    value, deviation = EVALUATORS["inception_score"](made("weights.npz"))
    assert (value.name, deviation.name) == ("inception_score_pytorch-fid", "inception_score_pytorch-fid_sd")
    assert value.value == pytest.approx(2.0) and deviation.value == pytest.approx(0.0)
    assert value.counts == {"samples": 40, "splits": 4}
    with pytest.raises(ConfigError, match="needs at least 41 samples, got 40"):
        EVALUATORS["inception_score"](made("weights.npz", num_splits=41))
    np.savez(tmp_path / "features.npz", other=np.zeros(3))
    with pytest.raises(ConfigError, match="--with inception_score: .*features.npz holds no last layer"):
        EVALUATORS["inception_score"](made("features.npz"))


def test_statistics_of_the_reference_are_kept(tmp_path, monkeypatch, capsys):
    """The second time no feature is computed; another data set has other statistics."""
    evaluators = importlib.import_module("experiments.evaluators.samples")
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path))
    calls = []

    def features(x):
        calls.append(len(x))
        return np.asarray(x, np.float32).reshape(len(x), -1)

    images = np.random.default_rng(0).integers(0, 256, (100, 2, 2, 1)).astype(np.uint8)
    made = lambda x: run({}, None, Dataset("toy", x, None, x, None, 255), protocol="pytorch-fid")
    first, count = evaluators.reference_statistics(made(images), features, "digest")
    again, _ = evaluators.reference_statistics(made(images), features, "digest")
    assert calls == [100] and count == 100
    np.testing.assert_array_equal(first.factor, again.factor)
    np.testing.assert_allclose(first.mean, images.reshape(100, 4).mean(axis=0), rtol=1e-5)
    evaluators.reference_statistics(made(images[:50]), features, "digest")
    assert calls == [100, 50]
    (tmp_path / "file").touch()  # a cache that cannot be written costs one line, not the features
    monkeypatch.setenv("EBMJAX_CACHE", str(tmp_path / "file"))
    kept, count = evaluators.reference_statistics(made(images), features, "digest")
    np.testing.assert_array_equal(kept.factor, first.factor)
    assert count == 100 and "cannot write the cache" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"evaluations": 3}', '{"evaluations": [null]}'])
def test_nothing_is_measured_where_it_could_not_be_kept(content, tmp_path, capsys):
    (tmp_path / "results.json").write_text(content)
    (tmp_path / "config.json").write_text("{}")
    assert evaluate.main([str(tmp_path), "--with", "frechet_pixels"]) == 2
    error = capsys.readouterr().err
    assert "results.json" in error and error.count("\n") == 1 and "move it away" in error
    assert (tmp_path / "results.json").read_text() == content


def test_a_run_that_still_trains_gets_figures_before_its_own(tmp_path):
    added = [{"name": "fid_tf2015", "value": 1.0, "num_steps": 5}]
    evaluate.add(tmp_path / "results.json", added)
    assert json.loads((tmp_path / "results.json").read_text()) == {"evaluations": added}
    assert results.kept(tmp_path / "results.json") == {"evaluations": added}
    write_report(tmp_path)
