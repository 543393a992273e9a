"""Figures of a model of sentences, its protocol, and its sentences to read."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.energies import standard_normal
from ebmjax.estimators.decoding import sample_tokens
from ebmjax.estimators.likelihood import gaussian_proposal_log_likelihood, over_normalizer
from ebmjax.evaluation import map_batches
from ebmjax.objectives import gaussian_log_prob
from ebmjax.report.results import Figures
from experiments.build.sentences import language_models
from experiments.measure import images, sentence_scores
from experiments.measure.estimates import ANNEALED, EXAMPLES, PROTOCOL, annealed_log_z, estimate_figures
from experiments.measure.history import draw_health

VAES = {
    "annealed": "the KL's weight rising to 1",
    "cyclical": "the KL's weight rising to 1 in each of several cycles",
    "free_bits": "the KL's weight rising to 1, without dimensions of a small KL",
    "aggressive": "the KL's weight rising to 1, at first with more updates of the encoder than of the decoder",
}
"""How the opponents of `build.sentences.VAES` are trained, for the protocol."""


def figures(run, trained):
    """{reconstruction_nll, nll, perplexity, kl_gaussian, mutual_information, active_units ...} on test sentences."""
    settings, keys = run.config.evaluate, jax.random.split(run.rng_key, 4)
    test = run.dataset.x_test[: settings.max_examples]
    found = sentence_scores.reconstruction_figures(trained, test, settings.batch_size, keys[0], settings.max_swaps)
    if settings.num_samples and "short_run_estimates" in trained.method.functions:
        part, size = test[: settings.max_short_run], min(settings.batch_size, settings.max_short_run)
        found |= sentence_scores.short_run_figures(trained, part, size, keys[1], settings.num_samples)
    if settings.num_draws:
        draws = sentence_scores.posterior_draws(trained, test, settings.num_draws, settings.batch_size, keys[2])
        found |= sentence_scores.posterior_figures(draws)
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
    found = map_batches(sentence_scores.compiled(trained, measure), rows, settings.batch_size, rng_key=rng_key)
    if "energy" not in trained.method.functions:
        return sentence_scores.sentence_likelihoods(found, test)
    log_z = annealed_log_z(trained, energy_key, dim)
    figures = sentence_scores.sentence_likelihoods(over_normalizer(found, log_z), test)
    return figures | estimate_figures("log_z", log_z)


def language_model_figures(run, own) -> Figures:
    """The exact nll and perplexity of the language model, if it was trained; named short_run_nll and
    short_run_perplexity if `own` figures have only these."""
    prefix = next((prefix for prefix in ("", "short_run_") if f"{prefix}nll" in own), None)
    if "language_model" not in run.baselines or prefix is None:
        return {}
    settings, test = run.config.evaluate, run.dataset.x_test[: run.config.evaluate.max_examples]
    trained = run.baselines["language_model"]
    found = sentence_scores.exact_likelihood_figures(trained, test, settings.batch_size, run.rng_key)
    return {"language_model": {f"{prefix}{name}": value for name, value in found.items()}}


def cross_figures(run, arms) -> Figures:
    """forward_perplexity and reverse_perplexity of samples of every arm; "real": of test sentences under the language
    model of training sentences, the value of both for perfect samples.

    arms: {name: (key, n) -> sentences}.
    """
    settings, data = run.config.evaluate, run.dataset
    if not settings.cross_steps:
        return {}
    train, test = data.x_train[: settings.max_generated], data.x_test[: settings.max_examples]
    generated = images.draw_arms(run, arms, len(train))
    decoder, options = language_models(run.config, len(data.vocabulary), len(train))
    found = sentence_scores.cross_figures(decoder, train, test, generated, run.rng_key, **options)
    real = [figures.pop("real_perplexity") for figures in found.values()][0]
    return found | {"real": {"forward_perplexity": real, "reverse_perplexity": real}}


def write(run, title) -> dict:
    """{path: caption} of sentences.txt, whose samples are printed, and health.png."""
    path = run.workdir / "sentences.txt"
    generated = sentence_scores.generate(run.trained, 20, 20, run.rng_key)
    test = run.dataset.x_test
    sentence_scores.write_sentences(path, run.trained, run.dataset.vocabulary, test, generated, run.rng_key)
    print(path.read_text(encoding="utf-8"))
    health = draw_health(run, f"{title} on {run.dataset.name}")
    return {path: "Samples, reconstructions and interpolations."} | health


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
        text += (
            f"; short_run_nll, short_run_perplexity: importance-sampled by {settings.num_samples} chains (a bound if "
            "the chain is one-to-one in its start; without sentences whose estimate is refused); kl_fixed_noise: "
            "published estimate of the KL to N(0, I), log p(z_0) - log|det| - log p(z_K) with the chain's noise held "
            "fixed, an upper bound"
        )
        if settings.max_short_run < num:
            text += f" (these of {settings.max_short_run} sentences)"
    if settings.num_draws:
        if settings.num_proposals:
            text += (
                f"; nll, perplexity: importance-sampled, {settings.num_proposals} draws of Gaussians fitted to "
                "posterior draws (a bound"
            )
            if "energy" not in config.model:
                text += ")"
            else:
                text += f", given log Z); log Z of the learned prior: {ANNEALED}; {PROTOCOL.removesuffix('.')}"
        text += (
            f"; kl_gaussian: KL to N(0, I) of a Gaussian fitted to {settings.num_draws} draws, a lower bound; "
            "active_units: variance between sentences above .01; mutual_information: InfoNCE, at most the "
            "log of the number of sentences"
        )
    if settings.num_samples or settings.num_draws and settings.num_proposals:
        text += f"; {EXAMPLES.removesuffix('.')}"
    text += "; language_model: the same decoder without z, trained as long, its likelihood exact."
    for name in settings.vaes:
        text += f" vae_{name}: a variational auto-encoder with the same decoder, trained as long, {VAES[name]}."
    if settings.cross_steps:
        how = f"of {settings.cross_steps} steps on equally many sentences"
        if settings.cross_protocol == "released":
            how = (
                "LSTMs of 512, Adam at 1e-4, 8 passes over one sample for each training sentence, forward of 5 batches"
            )
        text += (
            " forward_perplexity: of samples under a language model of training sentences; reverse_perplexity: of "
            f"test sentences under one of samples; both models {how}; real: test sentences under a language model of "
            "training sentences."
        )
    return text + " Last parameters, no selection."


def sample_from(trained, latents, length):
    """(key, n) -> sentences of a trained method's decoder given z = latents(key, n)."""

    @partial(jax.jit, static_argnums=2)
    def draw(state, key, num):
        start, step = (partial(trained.method.functions[name], state) for name in ("start", "step"))
        return sample_tokens(key, start, step, latents(jax.random.fold_in(key, 2**31 - 1), num), length)

    return partial(draw, trained.state)
