"""Experiments on sentences: what is learned, what a run in small writes, and what is refused in one line."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs.latent_ebm import ptb_full as latent_ptb
from configs.text_short_run import ptb_released, yelp_released
from ebmjax.data import DataSpec
from experiments import latent_ebm, text_short_run
from experiments.build import sentences as build_sentences
from experiments.measure import sentences

CONFIGS = Path(__file__).parents[2] / "configs"
PATHS = sorted(p for p in (CONFIGS / "text_short_run").glob("*.py") if p.stem != "common")
TEXTS = ("text", "text_noise_free", "ptb", "ptb_full", "snli", "snli_full", "yahoo_full")
PATHS += [CONFIGS / "latent_ebm" / f"{name}.py" for name in TEXTS]
MODULES = {"text_short_run": text_short_run, "latent_ebm": latent_ebm}
FIGURES = {
    "reconstruction_nll",
    "nll",
    "perplexity",
    "kl_gaussian",
    "kl_fixed_noise",
    "mutual_information",
    "active_units",
}


@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_what_is_learned(path):
    """Of sentences of any length and vocabulary."""
    name = path.parent.name
    for variant in ("", "smoke"):
        config = import_module(f"configs.{name}.{path.stem}").get_config(variant)
        spec = DataSpec("any", (9,), 10_000, 1000, None, None, vocab_size=50)
        method = MODULES[name].build(config, spec)
        batch = {"x": jax.ShapeDtypeStruct((4, 9), np.int32)}
        state = jax.eval_shape(method.init, jax.random.key(0), batch)
        own = {"generator", "energy"} if name == "latent_ebm" else {"generator"}
        own |= {"log_step_size"} if config.get("search", {}).get("every") else set()
        assert set(state.params) == own


def test_the_released_schedule():
    """20 step sizes; the noise is .05 of a Langevin sampler's for 15 epochs, then .1, .15, .2."""
    sampler = ptb_released.get_config().sampler
    assert len(sampler.posterior.step_size) == sampler.posterior.num_steps == 20
    noise = text_short_run.noise_schedule(sampler.noise_scale)
    found = [float(noise(np.int32(1314 * epoch - 1))) for epoch in (1, 14, 15, 16, 17, 18, 50)]
    np.testing.assert_allclose(found, [0.05, 0.05, 0.05, 0.1, 0.15, 0.2, 0.2], rtol=1e-6)
    sampler.noise_scale.start = sampler.noise_scale.end = 1.0
    assert text_short_run.noise_schedule(sampler.noise_scale) is None


def test_the_prior_of_yelp_rises():
    """β is .1 at first, .1 + 1/6 after an epoch of 3,125 steps, 1 from 5.4 epochs on; and 1 where there is no rise."""
    config = yelp_released.get_config()
    spec = DataSpec("any", (9,), 100_000, 1000, None, None, vocab_size=50)
    weight = text_short_run.prior_weight(config, spec)
    found = [float(weight(step)) for step in (0, 3125, 27 * 625, 30_000)]
    np.testing.assert_allclose(found, [0.1, 0.1 + 1 / 6, 1, 1], rtol=1e-5)
    assert text_short_run.prior_weight(ptb_released.get_config(), spec) is None


def test_language_models_by_the_released_settings():
    """Eight passes over the sentences at a constant rate, forward perplexity of five batches."""
    config = latent_ptb.get_config()
    decoder, options = build_sentences.language_models(config, 50, 300)
    assert (decoder.hidden_dim, decoder.dropout, decoder.cell) == (512, 0.5, "lstm")
    assert options["num_steps"] == 80 and options["num_forward"] == 150 and options["learning_rate"] == 1e-4
    config.evaluate.cross_protocol = "decoder"
    decoder, options = build_sentences.language_models(config, 50, 300)
    assert decoder.initial == "separate" and options == {"batch_size": 30, "num_steps": 1000}


def test_every_opponent_is_told():
    assert set(sentences.VAES) == set(build_sentences.VAES)


@pytest.mark.slow
def test_what_text_short_run_writes(run, capsys):
    found = run("text_short_run", "pydoc:smoke")
    assert FIGURES <= set(found.metrics)
    assert found.names == {"language_model": {"nll", "perplexity"}}
    said = capsys.readouterr().out
    assert "between two test sentences" in said and "sentences.txt" in said
    assert (found.folder / "sentences.txt").exists() and (found.folder / "health.png").exists()
    assert "between two test sentences" in (found.folder / "report.html").read_text()
    run("text_short_run", None, "--mode=sample", folder=found.folder)
    assert np.load(found.folder / "samples.npy").shape == (100, 9)


@pytest.mark.slow  # minutes of compilation
def test_what_a_latent_ebm_of_sentences_writes(run):
    found = run("latent_ebm", "text:smoke")
    cross = {"forward_perplexity", "reverse_perplexity"}
    assert set(found.metrics) >= FIGURES | cross | {"energy_gap"}
    assert found.names["gaussian_prior"] == found.names["real"] == cross
    real = found.baselines["real"]
    assert real["forward_perplexity"] == real["reverse_perplexity"]


def test_the_language_model_stands_beside_the_likelihood_that_was_estimated(monkeypatch):
    """Beside nll, else beside short_run_nll, else nowhere."""
    monkeypatch.setattr(
        sentences.sentence_scores, "exact_likelihood_figures", lambda *_: {"nll": 1.0, "perplexity": 2.0}
    )
    config = ConfigDict({"evaluate": {"max_examples": 2, "batch_size": 2}})
    dataset = SimpleNamespace(x_test=np.zeros((2, 3), np.int32))
    run = SimpleNamespace(config=config, dataset=dataset, baselines={"language_model": None}, rng_key=None)
    found = sentences.language_model_figures(run, {"nll": 3.0, "short_run_nll": 4.0})
    assert found == {"language_model": {"nll": 1.0, "perplexity": 2.0}}
    found = sentences.language_model_figures(run, {"short_run_nll": 4.0})
    assert found == {"language_model": {"short_run_nll": 1.0, "short_run_perplexity": 2.0}}
    assert sentences.language_model_figures(run, {"reconstruction_nll": 4.0}) == {}


@pytest.mark.parametrize(
    "command, config, word, said",
    [
        ("text_short_run", "ptb", "seed=0", "/data/ptb.train.txt.gz: no such file"),
        ("text_short_run", "pydoc", "data.name=digits", "apply only to sentences"),
        ("latent_ebm", "digits", "data.name=pydoc", "holds sentences: use a config for them"),
        ("latent_ebm", "text", "data.name=digits", "apply only to sentences"),
        ("text_short_run", "pydoc", "model.decoder.cell=gri", "did you mean 'gru'"),
        ("text_short_run", "pydoc", "model.decoder.dropout=1.", "model.decoder.dropout = 1.0"),
        ("text_short_run", "pydoc", "evaluate.num_draws=5", "must exceed model.latent_dim"),
        ("text_short_run", "pydoc", "evaluate.cross_protocol=released_", "did you mean 'released'"),
        ("text_short_run", "pydoc", "model.decoder.initial=hiden", "did you mean 'hidden'"),
    ],
)
def test_refusals(command, config, word, said, fails):
    assert said in fails(command, config, f"--config.{word}")
