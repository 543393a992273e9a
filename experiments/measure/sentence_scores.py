"""Scores of a model of sentences with latent vectors, and its sentences to read.

`trained` has the functions start, step, token_log_prob, encode and sample_latent of text methods; sentences are int32
rows `[N, L]` of tokens (words, EOS, PAD).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data.text import to_sentence
from ebmjax.energies import standard_normal
from ebmjax.estimators.decoding import greedy, interpolate_sentences
from ebmjax.estimators.language_model import fit_language_model, language_model_log_prob
from ebmjax.evaluation import map_batches, sample_in_batches
from ebmjax.evaluation.text import (
    active_units,
    cross_perplexities,
    fixed_noise_kl_to_prior,
    kl_to_prior,
    mutual_information,
    noisy_reconstruction_nll,
    perplexity,
)
from experiments.measure.estimates import over_examples


def compiled(trained, fn):
    """fn(functions, key, x) compiled, `functions` being those of the method with its state: (key, x) -> ..."""

    @jax.jit
    def run(state, key, x):
        return fn({name: partial(f, state) for name, f in trained.method.functions.items()}, key, x)

    return lambda key, x: run(trained.state, key, jax.tree.map(jnp.asarray, x))


def posterior_draws(trained, x, num, batch_size, rng_key):
    """`num` draws of the short-run posterior of each sentence: `[num, N, d]`."""

    def draw(functions, key, x):
        z = jax.lax.map(lambda key: functions["encode"](key, x), jax.random.split(key, num))
        return jnp.swapaxes(z, 0, 1)

    return np.swapaxes(map_batches(compiled(trained, draw), x, batch_size, rng_key=rng_key), 0, 1)


def posterior_figures(draws):
    """{"kl_gaussian", "mutual_information", "active_units"} (evaluation/text.py) of more `posterior_draws` than
    dimensions."""
    draws = jnp.asarray(draws)
    return {
        "kl_gaussian": float(jnp.mean(kl_to_prior(draws))),
        "mutual_information": mutual_information(draws),
        "active_units": active_units(draws),
    }


def reconstruction_figures(trained, x, batch_size, rng_key, max_swaps=0):
    """{"reconstruction_nll", "reconstruction_nll_<k>_swaps"} in nats per sentence, one posterior draw each."""
    found = {}
    for k in range(max_swaps + 1):
        measure = lambda f, key, x, k=k: noisy_reconstruction_nll(key, f["encode"], f["token_log_prob"], x, k)
        nll = map_batches(compiled(trained, measure), x, batch_size, rng_key=rng_key)
        found["reconstruction_nll" + (f"_{k}_swaps" if k else "")] = np.mean(nll)
    return found


def exact_likelihood_figures(trained, x, batch_size, rng_key):
    """{"nll", "perplexity"} of a model without latent vectors: nats per sentence, and exp of nats per token."""
    found = map_batches(compiled(trained, lambda f, key, x: f["log_likelihood"](x)), x, batch_size, rng_key=rng_key)
    return {"nll": -np.mean(found), "perplexity": perplexity(found, x)}


def short_run_figures(trained, x, batch_size, rng_key, num_samples):
    """{"short_run_nll", "short_run_perplexity", "short_run_nll_ess", "short_run_nll_unreliable", "kl_fixed_noise"}:
    the published estimates, by `num_samples` posterior chains of each sentence and their Jacobians.

    kl_fixed_noise is against N(0, I), and over all chains, those of refused sentences too, as published.
    """

    def measure(functions, key, x):
        found, draws = functions["short_run_estimates"](key, x, num_samples=num_samples)
        energy = jax.vmap(standard_normal)(draws.z) + 0.5 * draws.z.shape[-1] * jnp.log(2 * jnp.pi)
        return found, fixed_noise_kl_to_prior(draws.log_prob_start, draws.log_det, energy)

    found, kl = map_batches(compiled(trained, measure), x, batch_size, rng_key=rng_key)
    named = {f"short_run_{name}": value for name, value in sentence_likelihoods(found, x).items()}
    return named | {"kl_fixed_noise": np.mean(kl)}


def sentence_likelihoods(found, x):
    """{"nll", "perplexity", "nll_ess", "nll_unreliable"} of a `WeightedMean` `[N]` of sentences x. Sentences whose
    estimate is refused (NaN, see `short_run_log_likelihood`) count as unreliable, and not in the averages."""
    right = ~np.isnan(found.log_mean)
    if not right.any():
        return {"nll_unreliable": 1.0}
    averages = {"nll": -np.mean(found.log_mean[right]), "perplexity": perplexity(found.log_mean[right], x[right])}
    return averages | over_examples("nll", found)


SCORE_BATCH = 500
"""Sentences that a language model scores at once."""


def cross_figures(decoder, train, test, generated, rng_key, *, num_forward=None, **fit_options):
    """{arm: perplexities between its and real sentences} of {arm: generated rows}, by language models fitted alike.

    decoder: the network of the language models. num_forward: of `cross_perplexities`. `train` and all arms are cut to
    the number of rows of the smallest.
    fit_options: of `fit_language_model`.
    """
    parts = {"train": train, "test": test} | {("arm", arm): rows for arm, rows in generated.items()}
    num, length = min(len(x) for name, x in parts.items() if name != "test"), max(x.shape[1] for x in parts.values())
    pad = lambda x: np.pad(np.asarray(x), ((0, 0), (0, length - x.shape[1])))
    train, test = pad(train[:num]), pad(test)
    score = jax.jit(lambda params, x: language_model_log_prob(decoder, params, x))

    def fit(tokens):
        if tokens is train and fitted:
            return fitted[0]
        params = fit_language_model(rng_key, decoder, jnp.asarray(tokens), **fit_options)
        scorer = lambda x: map_batches(lambda rows: score(params, jnp.asarray(rows)), x, SCORE_BATCH)
        if tokens is train:
            fitted.append(scorer)
        return scorer

    fitted = []  # the language model of real sentences, the same for all arms
    found = partial(cross_perplexities, fit, train, test, num_forward=num_forward)
    return {arm: found(pad(rows[:num])) for arm, rows in generated.items()}


def generate(trained, num, batch_size, rng_key):
    """Samples of the model: `[num, L]`."""
    draw = jax.jit(trained.method.sample, static_argnums=2)
    return sample_in_batches(partial(draw, trained.state), rng_key, num, batch_size)


def write_sentences(path, trained, vocabulary, test, generated, rng_key):
    """Write samples, up to 20 test sentences with their reconstructions, and paths between pairs of test sentences."""
    test = test[: min(20, len(test)) // 2 * 2]
    half, length = len(test) // 2, test.shape[1]

    def decode(functions, key, x):
        start, step, z = functions["start"], functions["step"], functions["encode"](key, x)
        paths = interpolate_sentences(start, step, z[:half], z[half:], num=7, length=length)
        return greedy(start, step, z, length), paths

    decoded, paths = map(np.asarray, compiled(trained, decode)(rng_key, test))
    text_of = lambda row: to_sentence(row, vocabulary)
    lines = ["samples", *(f"  {text_of(row)}" for row in generated), "", "test sentences, and decoded from z"]
    lines += [line for a, b in zip(test, decoded, strict=True) for line in (f"  {text_of(a)}", f"    {text_of(b)}")]
    for rows in paths:
        lines += ["", "between two test sentences", *(f"  {text_of(row)}" for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
