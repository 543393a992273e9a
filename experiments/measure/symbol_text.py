"""Figures of symbol-vector coupling on sequences of words: samples, reconstructions, likelihood, control by symbols."""

from functools import partial

import jax
import numpy as np

from ebmjax.estimators.decoding import greedy, sample_tokens
from ebmjax.estimators.likelihood import over_normalizer
from ebmjax.evaluation import map_batches, sample_in_batches
from ebmjax.evaluation.words import bleu, word_kl
from ebmjax.report.results import OWN, Figures, merge
from experiments.measure import sentence_scores, sentences
from experiments.measure.estimates import ANNEALED, EXAMPLES, annealed_log_z, estimate_figures
from experiments.measure.few_labels import first_draw

NUM_CONTROLLED = 640
"""Sentences of each class that a classifier of real sentences is asked about."""


def decoder_of(config, trained):
    """(rng_key, z) -> sentences `[B, L]`: the most probable word at each place, or words drawn (evaluate.greedy)."""
    functions, state = trained.method.functions, trained.state
    length = config.data.max_length + 1
    start, step = (partial(functions[name], state) for name in ("start", "step"))
    if config.evaluate.greedy:
        return jax.jit(lambda rng_key, z: greedy(start, step, z, length))
    return jax.jit(lambda rng_key, z: sample_tokens(rng_key, start, step, z, length))


def sampler(config, trained):
    """(rng_key, num) -> sentences of p(x), by `decoder_of` at z from the chains of p(z)."""
    draw = jax.jit(trained.method.functions["sample_latent"], static_argnums=2)
    decode = decoder_of(config, trained)
    return lambda rng_key, num: decode(jax.random.fold_in(rng_key, 1), draw(trained.state, rng_key, num))


def sample_symbols(run, trained, num: int):
    """Sentences `[K, num, L]` of each of K symbols, K read from the logits, by `decoder_of` at z from p(z | y)."""
    functions, size = trained.method.functions, run.config.evaluate.batch_size
    symbols = functions["latent_logits"](trained.state, np.zeros((1, run.config.model.latent_dim), np.float32)).shape[1]
    draw, decode = jax.jit(functions["sample_class_latent"]), decoder_of(run.config, trained)
    of_labels = lambda key, labels: decode(key, draw(trained.state, key, labels))
    labels = np.repeat(np.arange(symbols), num)
    found = map_batches(of_labels, labels, size, rng_key=run.rng_key)
    return found.reshape(symbols, num, -1)


def reconstruction_figures(run, trained, test) -> dict:
    """{"bleu"} of the test sentences decoded, as samples are, at the mean of q(z | x)."""
    encode, decode = jax.jit(trained.method.functions["encode"]), decoder_of(run.config, trained)
    again = lambda key, x: decode(key, encode(trained.state, x))
    return {"bleu": bleu(map_batches(again, test, run.config.evaluate.batch_size, rng_key=run.rng_key), test)}


def likelihood_figures(run, trained, test) -> dict:
    """{nll, perplexity ...}, importance-sampled from q(z | x); with an energy also log Z, by annealing."""
    settings, functions = run.config.evaluate, trained.method.functions
    if not settings.num_samples:
        return {}
    estimate = partial(functions["unnormalized_likelihood_estimate"], num_samples=settings.num_samples)
    fn = jax.jit(lambda key, x: estimate(trained.state, key, x))
    found = map_batches(fn, test, settings.batch_size, rng_key=run.rng_key)
    if "energy" not in functions:
        return sentence_scores.sentence_likelihoods(found, test)
    log_z = annealed_log_z(trained, run.rng_key, run.config.model.latent_dim)
    return sentence_scores.sentence_likelihoods(over_normalizer(found, log_z), test) | estimate_figures("log_z", log_z)


def figures(run, test) -> Figures:
    """bleu, word_kl, nll, perplexity, forward and reverse perplexity of every arm with a decoder."""
    arms = {OWN: run.trained} | {arm: t for arm, t in run.baselines.items() if "start" in t.method.functions}
    arms = {arm: first_draw(trained) for arm, trained in arms.items()}
    train = run.dataset.x_train[: run.config.evaluate.max_generated]
    samplers = {arm: sampler(run.config, trained) for arm, trained in arms.items()}
    found: Figures = {}
    for arm, trained in arms.items():
        drawn = sample_in_batches(samplers[arm], run.rng_key, len(train), run.config.evaluate.batch_size)
        found[arm] = {"word_kl": word_kl(drawn, run.dataset.x_train, len(run.dataset.vocabulary))}
        found[arm] |= reconstruction_figures(run, trained, test) | likelihood_figures(run, trained, test)
    return merge(found, sentences.cross_figures(run, samplers))


def presence(tokens, vocab_size: int):
    """Which words occur, a sparse matrix of 0 and 1: `[N, L]` -> `[N, vocab_size]`."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(tokens)), tokens.shape[1])
    counts = csr_array((np.ones(rows.size), (rows, np.asarray(tokens).ravel())), shape=(len(tokens), vocab_size))
    return (counts > 0).astype(np.float64)


def control_figures(run, trained, test) -> Figures:
    """controlled_accuracy: the share of sentences of a class that logistic regression on the words that occur, trained
    on all training sentences and labels, gives that class; "real": of the test sentences and their labels."""
    from sklearn.linear_model import LogisticRegression

    data, size = run.dataset, len(run.dataset.vocabulary)
    classifier = LogisticRegression(max_iter=1000).fit(presence(data.x_train, size), data.y_train)
    x = sample_symbols(run, trained, NUM_CONTROLLED)
    found = classifier.predict(presence(x.reshape(-1, x.shape[-1]), size))
    own = np.mean(found == np.repeat(np.arange(len(x)), x.shape[1]))
    real = np.mean(classifier.predict(presence(test, size)) == data.y_test[: len(test)])
    return {OWN: {"controlled_accuracy": own}, "real": {"controlled_accuracy": real}}


def protocol(config) -> str:
    """How the figures of `figures` and `control_figures` were measured."""
    settings = config.evaluate
    how = "the most probable word at each place" if settings.greedy else "words drawn one after the other"
    text = (
        f"Sentences are decoded by {how}. bleu: of the test sentences decoded at the mean of q(z | x), in percent. "
        f"word_kl: KL in nats of the word frequencies of {settings.max_generated:,} samples (at most as many as "
        "training sentences) from those of the training sentences. "
    )
    if settings.num_samples:
        text += (
            f"nll, perplexity: nats per sentence, and exp of nats per token, importance-sampled from q(z | x) by "
            f"{settings.num_samples} draws. log Z of p(z): {ANNEALED}; {EXAMPLES} "
        )
    if settings.cross_steps:
        models = f"the decoder without z, {settings.cross_steps} steps each"
        if settings.cross_protocol == "released":
            models = "LSTMs of 512 units, eight passes"
        text += (
            "forward_perplexity, reverse_perplexity: of samples under a language model of training sentences, of test "
            f"sentences under one of as many samples ({models}); real: of test sentences under the former. "
        )
    if config.labels.weight:
        text += (
            f"controlled_accuracy: share of {NUM_CONTROLLED} sentences of each class, z by {settings.class_steps} "
            "steps, that logistic regression on the words of all training sentences gives that class; real: of the "
            "test sentences. "
        )
    return text
