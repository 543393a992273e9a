"""Experiments on sentences: configs, what a run in small writes, and what is refused in one line."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from ebmjax.data import DataSpec
from ebmjax.training import cli
from ebmjax.training.run import to_settings
from experiments import latent_ebm, text_short_run
from experiments.measure import sentences

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
PATHS = sorted(p for p in (CONFIGS / "text_short_run").glob("*.py") if p.stem != "common")
PATHS += [CONFIGS / "latent_ebm" / f"{name}.py" for name in ("text", "ptb", "snli")]
MODULES = {"text_short_run": text_short_run, "latent_ebm": latent_ebm}
FIGURES = {"reconstruction_nll", "nll", "perplexity", "kl", "mutual_information", "active_units"}


def main(module, *words):
    cli.main(module.EXPERIMENT, [module.EXPERIMENT.name, *map(str, words)])


def assert_all_finite(results):
    figures = results["metrics"], *results["baselines"].values()
    assert np.isfinite([value for found in figures for value in found.values()]).all()


def refused(capsys, module, *words):
    with pytest.raises(SystemExit) as stopped:
        main(module, *words)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    return said[-1]


@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_config(path):
    name = path.parent.name
    module = importlib.util.module_from_spec(found := importlib.util.spec_from_file_location(path.stem, path))
    found.loader.exec_module(module)
    assert f"python -m experiments.{name}" in module.__doc__
    for variant in ("", "smoke"):
        config = module.get_config(variant)
        to_settings(config)
        spec = DataSpec("any", (9,), 10_000, 1000, None, None, vocab_size=50)
        method = MODULES[name].build(config, spec)
        batch = {"x": jax.ShapeDtypeStruct((4, 9), np.int32)}
        state = jax.eval_shape(method.init, jax.random.key(0), batch)
        assert set(state.params) == ({"generator", "energy"} if name == "latent_ebm" else {"generator"})
    with pytest.raises(ValueError, match="unknown variant"):
        module.get_config("tiny")


def test_the_released_schedule():
    """20 step sizes; the noise is .05 of a Langevin sampler's for 15 epochs, then .1, .15, .2."""
    spec = importlib.util.spec_from_file_location("released", CONFIGS / "text_short_run" / "ptb_released.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    sampler = module.get_config().sampler
    assert len(sampler.posterior.step_size) == sampler.posterior.num_steps == 20
    noise = text_short_run.noise_schedule(sampler.noise_scale)
    found = [float(noise(np.int32(1314 * epoch - 1))) for epoch in (1, 14, 15, 16, 17, 18, 50)]
    np.testing.assert_allclose(found, [0.05, 0.05, 0.05, 0.1, 0.15, 0.2, 0.2], rtol=1e-6)
    sampler.noise_scale.start = sampler.noise_scale.end = 1.0
    assert text_short_run.noise_schedule(sampler.noise_scale) is None


def test_text_short_run_in_small(tmp_path, capsys):
    workdir = tmp_path / "run"
    words = f"--config={CONFIGS}/text_short_run/pydoc.py:smoke", f"--workdir={workdir}"
    main(text_short_run, *words)
    results = json.loads((workdir / "results.json").read_text())
    assert FIGURES <= set(results["metrics"])
    assert {arm: set(found) for arm, found in results["baselines"].items()} == {"language_model": {"nll", "perplexity"}}
    assert_all_finite(results)
    said = capsys.readouterr().out
    assert "between two test sentences" in said and "sentences.txt" in said
    assert (workdir / "sentences.txt").exists() and (workdir / "health.png").exists()
    assert "between two test sentences" in (workdir / "report.html").read_text()
    main(text_short_run, "--mode=sample", f"--workdir={workdir}")
    assert np.load(workdir / "samples.npy").shape == (100, 9)


def test_the_language_model_stands_beside_the_likelihood_that_was_estimated(monkeypatch):
    """Beside nll, else beside short_run_nll, else nowhere."""
    monkeypatch.setattr(sentences.sentence_scores, "likelihood_figures", lambda *_: {"nll": 1.0, "perplexity": 2.0})
    config = ConfigDict({"evaluate": {"max_examples": 2, "batch_size": 2}})
    dataset = SimpleNamespace(x_test=np.zeros((2, 3), np.int32))
    run = SimpleNamespace(config=config, dataset=dataset, baselines={"language_model": None}, rng_key=None)
    found = sentences.language_model_figures(run, {"nll": 3.0, "short_run_nll": 4.0})
    assert found == {"language_model": {"nll": 1.0, "perplexity": 2.0}}
    found = sentences.language_model_figures(run, {"short_run_nll": 4.0})
    assert found == {"language_model": {"short_run_nll": 1.0, "short_run_perplexity": 2.0}}
    assert sentences.language_model_figures(run, {"reconstruction_nll": 4.0}) == {}


@pytest.mark.slow  # minutes of compilation
def test_latent_ebm_of_sentences_in_small(tmp_path):
    words = f"--config={CONFIGS}/latent_ebm/text.py:smoke", f"--workdir={tmp_path / 'run'}"
    main(latent_ebm, *words)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    cross = {"forward_perplexity", "reverse_perplexity"}
    assert set(results["metrics"]) >= FIGURES | cross | {"energy_gap"}
    others = results["baselines"]
    assert set(others["gaussian_prior"]) == set(others["real"]) == cross
    assert others["real"]["forward_perplexity"] == others["real"]["reverse_perplexity"]
    assert_all_finite(results)


def test_refusals(tmp_path, capsys):
    text, ebm = f"--config={CONFIGS}/text_short_run/pydoc.py", f"--config={CONFIGS}/latent_ebm/text.py"
    images, to = f"--config={CONFIGS}/latent_ebm/digits.py", f"--workdir={tmp_path / 'run'}"
    said = refused(capsys, text_short_run, f"--config={CONFIGS}/text_short_run/ptb.py", to)
    assert "lines:data/ptb.train.txt.gz: no such file" in said
    assert "apply only to sentences" in refused(capsys, text_short_run, text, "--config.data.name=digits", to)
    assert "holds sentences: take a config of them" in refused(
        capsys, latent_ebm, images, "--config.data.name=pydoc", to
    )
    assert "apply only to sentences" in refused(capsys, latent_ebm, ebm, "--config.data.name=digits", to)
    assert "did you mean 'gru'" in refused(capsys, text_short_run, text, "--config.model.decoder.cell=gri", to)
    assert "model.decoder.dropout = 1.0" in refused(
        capsys, text_short_run, text, "--config.model.decoder.dropout=1.", to
    )
    assert "must exceed model.latent_dim" in refused(capsys, text_short_run, text, "--config.evaluate.num_draws=5", to)
