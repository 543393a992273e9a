"""Language models: the entropy of a source that is known, exact probabilities, and samples that have them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import chi2

from ebmjax.estimators.language_model import fit_language_model, language_model_log_prob
from ebmjax.evaluation.text import cross_perplexities, perplexity
from ebmjax.methods import language_model
from ebmjax.nets import TextDecoder
from ebmjax.types import BOS, EOS, PAD, UNK

SMALL = TextDecoder(vocab_size=6, embed_dim=8, hidden_dim=16)
STEPS = dict(num_steps=300, batch_size=32, learning_rate=2e-2)
EITHER = np.array([[4, 5, 4, EOS, PAD], [5, 4, 5, EOS, PAD]], np.int32)
"""A fair coin, then no surprise: log 2 nats a sentence, if the first word is remembered."""


def fit(tokens):
    params = fit_language_model(jax.random.key(0), SMALL, jnp.asarray(tokens), **STEPS)
    return jax.jit(lambda x: language_model_log_prob(SMALL, params, x))


@pytest.fixture(scope="module")
def of_either():
    return fit(EITHER)


def test_it_learns_the_entropy_of_its_source(of_either):
    nll = -of_either(EITHER)
    np.testing.assert_allclose(nll, np.log(2), atol=0.05)
    np.testing.assert_allclose(perplexity(-nll, EITHER), 2 ** (1 / 4), rtol=0.02)
    assert of_either(np.array([[4, 4, 4, EOS, PAD]]))[0] < -4  # a sentence that never was


def test_cross_perplexities_see_what_is_missing(of_either):
    """Sentences of one kind alone are as fluent as real ones, but a model of them is surprised by the others."""
    half = EITHER[[0, 0]]
    found = cross_perplexities(lambda x: of_either if x is EITHER else fit(x), EITHER, EITHER, half)
    np.testing.assert_allclose(found["forward_perplexity"], found["real_perplexity"], rtol=0.02)
    assert found["reverse_perplexity"] > 2 * found["real_perplexity"]


@pytest.fixture(scope="module")
def wild():
    """A method of a decoder far from uniform that never makes PAD or BOS, and its state."""
    method = language_model(
        TextDecoder(vocab_size=6, embed_dim=3, hidden_dim=4, init_scale=1.5),
        length=3,
        optimizers={"decoder": optax.sgd(0.01)},
    )
    state = method.init(jax.random.key(1), {"x": EITHER})
    output = state.params["decoder"]["output"]
    never = output | {"bias": output["bias"].at[jnp.array([PAD, BOS])].set(-60.0)}
    return method, state._replace(params={"decoder": state.params["decoder"] | {"output": never}})


def test_samples_have_the_exact_probabilities(wild):
    """χ² over all 40 sentences of up to three tokens, whose probabilities sum to one."""
    method, state = wild
    every = [
        (*words, *([EOS] if n < 3 else []), *[PAD] * (2 - n))
        for n in range(4)
        for words in itertools.product((UNK, 4, 5), repeat=n)
    ]
    log_p = method.functions["log_likelihood"](state, jnp.asarray(every))
    np.testing.assert_allclose(np.sum(np.exp(log_p)), 1.0, rtol=1e-5)
    num = 20_000
    kinds, counts = np.unique(
        jax.jit(method.sample, static_argnums=2)(state, jax.random.key(0), num), axis=0, return_counts=True
    )
    observed = np.zeros(len(every))
    for kind, count in zip(kinds, counts, strict=True):
        observed[every.index(tuple(map(int, kind)))] = count
    expected = num * np.exp(log_p)
    common = expected > 5
    assert np.sum((observed - expected)[common] ** 2 / expected[common]) < chi2.ppf(0.999, common.sum())


def test_a_step_climbs_the_likelihood(wild):
    """By a rate r along its own gradient g: r ||g||² to first order, as the metrics report it."""
    method, state = wild
    after, found = jax.jit(method.train_step)(state, {"x": EITHER})
    nll = jax.jit(lambda s: jnp.mean(method.evaluate(s, jax.random.key(0), {"x": EITHER})["nll"]))
    np.testing.assert_allclose(found["nll"], nll(state), rtol=1e-6)
    np.testing.assert_allclose(found["perplexity"], np.exp(nll(state) / 4), rtol=1e-5)
    np.testing.assert_allclose(nll(state) - nll(after), 0.01 * found["grad_norm_decoder"] ** 2, rtol=0.1)
    assert after.step == 1
    with pytest.raises(ValueError, match=r"optimizers for \['generator'\]"):
        language_model(SMALL, length=3, optimizers={"generator": optax.sgd(1.0)}).init(jax.random.key(0), {"x": EITHER})
