"""Pieces of the experiments on sentences: decoder, language model beside it, the figures and the sentences to read."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.energies import standard_normal
from ebmjax.evaluation import map_batches
from ebmjax.evaluation.likelihood import annealed_log_normalizer, gaussian_proposal_log_likelihood
from ebmjax.evaluation.text_generation import sample_tokens
from ebmjax.evaluation.text_metrics import perplexity
from ebmjax.mcmc import mala
from ebmjax.methods import language_model
from ebmjax.nets import CELLS, TextDecoder
from ebmjax.objectives import gaussian_log_prob
from ebmjax.training.config import ConfigError, choose, require
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import health
from experiments import generators, text_figures

NUM_TEMPERATURES, NUM_CHAINS = 2000, 500
"""Of the annealing that estimates log Z of a learned prior."""

LOWEST = {
    "model.decoder.embed_dim": 1,
    "model.decoder.hidden_dim": 1,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.num_draws": 0,
    "evaluate.num_samples": 0,
    "evaluate.num_proposals": 0,
    "evaluate.max_swaps": 0,
    "evaluate.cross_steps": 0,
}


def check(config, data_spec):
    """Raise ConfigError for a config that cannot be, or data that are no sentences."""
    if data_spec.vocab_size is None:
        raise ConfigError(f"this config needs sentences, pydoc or lines:PATH, and {data_spec.name} holds none")
    for field, low in LOWEST.items():
        require(config, field, low)
    for field in ("dropout", "word_dropout"):
        require(config, f"model.decoder.{field}", 0, 0.99)
    if 0 < config.evaluate.num_draws < max(config.model.latent_dim + 2, 4):
        raise ConfigError(
            f"evaluate.num_draws = {config.evaluate.num_draws} must exceed model.latent_dim + 1 = "
            f"{config.model.latent_dim + 1}, or be 0 for no such figures"
        )


def make_decoder(config, data_spec):
    """The decoder of config.model.decoder: cell, embed_dim, hidden_dim, dropout, word_dropout, init_scale."""
    fields = config.model.decoder
    choose(CELLS, fields.cell, "model.decoder.cell")
    return TextDecoder(data_spec.vocab_size, **fields.to_dict())


def make_language_model(config, data_spec):
    """The decoder without a latent vector, trained by the same optimiser as long: what z must improve on."""
    own = {"decoder": config.optimizer.generator}
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    optimizers = make_optimizers(own, config.train.num_steps, steps_per_epoch)
    return language_model(make_decoder(config, data_spec), length=data_spec.shape[0], optimizers=optimizers)


def figures(run, trained):
    """{reconstruction_nll, nll, perplexity, kl, mutual_information, active_units ...} on test sentences."""
    settings, keys = run.config.evaluate, jax.random.split(run.rng_key, 4)
    test = run.dataset.x_test[: settings.max_examples]
    found = text_figures.reconstruction_figures(trained, test, settings.batch_size, keys[0], settings.max_swaps)
    if settings.num_samples:
        options = {"num_samples": settings.num_samples}
        own = text_figures.likelihood_figures(trained, test, settings.batch_size, keys[1], **options)
        found |= {f"short_run_{name}": value for name, value in own.items()}
    if settings.num_draws:
        draws = text_figures.posterior_draws(trained, test, settings.num_draws, settings.batch_size, keys[2])
        found |= text_figures.posterior_figures(draws)
        found |= likelihood_figures(trained, test, draws, settings, keys[3])
    return found


def likelihood_figures(trained, test, draws, settings, rng_key):
    """{nll, perplexity}, importance-sampled from Gaussians around the posterior draws `[M, N, d]`."""
    if not settings.num_proposals:
        return {}
    energy_key, rng_key = jax.random.split(rng_key)
    dim = draws.shape[-1]

    def measure(functions, key, rows):
        x, draws = rows

        def log_joint(z):
            tilt = functions["energy"](z) - standard_normal(z) if "energy" in functions else 0.0
            return functions["token_log_prob"](z, x) + gaussian_log_prob(z, jnp.zeros_like(z), 1.0) - tilt

        draws = jnp.swapaxes(draws, 0, 1)
        return gaussian_proposal_log_likelihood(key, log_joint, draws, num_samples=settings.num_proposals)

    rows = test, np.swapaxes(draws, 0, 1)
    found = map_batches(text_figures.compiled(trained, measure), rows, settings.batch_size, rng_key=rng_key)
    if "energy" not in trained.method.functions:
        return {"nll": -np.mean(found), "perplexity": perplexity(found, test)}
    # By draws of N(0, I) it would be too low by many nats: codes of sentences lie where these never come.
    energy = partial(trained.method.functions["energy"], trained.state)
    options = {"betas": np.linspace(0, 1, NUM_TEMPERATURES + 1), "num_chains": NUM_CHAINS}
    anneal = partial(annealed_log_normalizer, make_kernel=partial(mala, step_size=0.2), **options)
    log_z, error = jax.jit(lambda key: anneal(key, energy, dim))(energy_key)
    found = found - float(log_z)
    return {"nll": -np.mean(found), "perplexity": perplexity(found, test), "log_z_error": float(error)}


def language_model_figures(run):
    """{language_model_nll, language_model_perplexity} of the language model beside it, exact, if it was trained."""
    if "language_model" not in run.baselines:
        return {}
    settings, test = run.config.evaluate, run.dataset.x_test[: run.config.evaluate.max_examples]
    found = text_figures.likelihood_figures(run.baselines["language_model"], test, settings.batch_size, run.rng_key)
    return {f"language_model_{name}": value for name, value in found.items()}


def cross_figures(run, arms):
    """({forward_perplexity, reverse_perplexity}, the same of the other arms and of real sentences).

    arms: {name: (key, n) -> sentences}, "" being the method itself.
    """
    settings, data = run.config.evaluate, run.dataset
    if not settings.cross_steps:
        return {}, {}
    train, test = data.x_train[: settings.max_generated], data.x_test[: settings.max_examples]
    generated = generators.draw_arms(run, arms, len(train))
    decoder = TextDecoder(len(data.vocabulary), **run.config.model.decoder.to_dict())
    fit = {"num_steps": settings.cross_steps, "batch_size": run.config.train.batch_size}
    found = text_figures.cross_figures(decoder, train, test, generated, run.rng_key, **fit)
    baselines = {"real_perplexity": found[""].pop("real_perplexity")}
    for arm in found.keys() - {""}:
        baselines |= {f"{name}_{arm}": found[arm][name] for name in found[""]}
    return found[""], baselines


def write(run, title, num=10):
    """sentences.txt, whose samples are shown, and health.png: their paths with captions."""
    paths = [run.workdir / name for name in ("sentences.txt", "health.png")]
    generated = text_figures.generate(run.trained, 2 * num, 2 * num, run.rng_key)
    test = run.dataset.x_test
    text_figures.write_sentences(paths[0], run.trained, run.dataset.vocabulary, test, generated, run.rng_key, num)
    print(paths[0].read_text(encoding="utf-8"))
    health.plot_health(generators.logged_rows(run), paths[1], title=f"{title} on {run.dataset.name}")
    return {paths[0]: "Samples, reconstructions and interpolations.", paths[1]: ""}


def protocol(config, dataset):
    """How the figures of `figures` and `cross_figures` were measured."""
    settings, num = config.evaluate, min(config.evaluate.max_examples, len(dataset.x_test))
    text = (
        f"Nats per sentence and perplexities per token (EOS counts) of {num} test sentences of at most "
        f"{dataset.x_test.shape[1] - 1} words, {len(dataset.vocabulary)} tokens in the vocabulary. reconstruction_nll: "
        "-log p(x | z) at one posterior sample"
    )
    if settings.max_swaps:
        text += ", also inferred from sentences with pairs of words swapped"
    if settings.num_samples:
        text += f"; short_run_nll, short_run_perplexity: importance-sampled by {settings.num_samples} chains (a bound)"
    if settings.num_draws:
        if settings.num_proposals:
            text += (
                f"; nll, perplexity: importance-sampled, {settings.num_proposals} draws of Gaussians fitted to "
                "posterior draws (a bound, given log Z)"
            )
            if "energy" in config.model:
                text += (
                    f"; log Z of the learned prior: {NUM_TEMPERATURES} temperatures from N(0, I), "
                    f"{NUM_CHAINS} chains by mala, log_z_error its standard error (too low if anything, "
                    "and nll with it)"
                )
        text += (
            f"; kl: Gaussian of {settings.num_draws} draws against N(0, I); active_units: variance between sentences "
            "above .01; mutual_information: InfoNCE, at most the log of the number of sentences"
        )
    text += "; language_model: the same decoder without z, trained as long, its likelihood exact."
    if settings.cross_steps:
        text += (
            " forward_perplexity: of samples under a language model of training sentences; reverse_perplexity: of "
            f"test sentences under one of samples, both of {settings.cross_steps} steps on equally many sentences; "
            "real_perplexity: of test sentences under that of training sentences."
        )
    return text + " Last parameters, no selection."


def sample_from(trained, latents, length):
    """(key, n) -> sentences of a trained method's decoder given z = latents(key, n)."""

    @partial(jax.jit, static_argnums=2)
    def draw(state, key, num):
        start, step = (partial(trained.method.functions[name], state) for name in ("start", "step"))
        return sample_tokens(key, start, step, latents(jax.random.fold_in(key, 2**31 - 1), num), length)

    return partial(draw, trained.state)
