"""The figures of text models, on a hand-made one whose every value is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.estimators.likelihood import ShortRunDraws
from ebmjax.importance import WeightedMean
from ebmjax.nets import TextDecoder
from ebmjax.training.experiment import Trained
from ebmjax.types import EOS, PAD, Method
from experiments.measure import sentence_scores

VOCABULARY = ("<pad>", "<unk>", "<bos>", "<eos>", "a", "b")
X = np.array([[4, 5, EOS, PAD], [5, EOS, PAD, PAD], [4, 4, 5, EOS], [EOS, PAD, PAD, PAD], [5, 5, EOS, PAD]], np.int32)
KEY = jax.random.key(0)


def drawn(num, rows):
    """Of `ShortRunDraws`: all ends at (1, 1), log p(z_0) = -4, sign -1, log|det| = -3."""
    return zip((1.0, -4.0, -1.0, -3.0), ((num, rows, 2), *3 * [(num, rows)]), strict=True)


@pytest.fixture(scope="module")
def trained():
    """z = (first token, 0) + noise / 100; what is decoded from z is its first word three times, at log-probability
    -|first token - z|."""

    def encode(scale, key, x):
        first = jnp.stack([x[:, 0], jnp.zeros(len(x))], axis=1).astype(jnp.float32)
        return first + scale * jax.random.normal(key, first.shape)

    def step(scale, hidden, z, token):
        word = jnp.where(hidden < 3, jnp.round(z[:, 0]), EOS).astype(int)
        return hidden + 1, 50.0 * jax.nn.one_hot(word, 6)

    functions = {
        "encode": encode,
        "start": lambda scale, z: jnp.zeros(len(z)),
        "step": step,
        "token_log_prob": lambda scale, z, x: -jnp.abs(x[:, 0] - z[:, 0]),
        "log_likelihood": lambda scale, x: -jnp.log(6.0) * jnp.sum(x != PAD, axis=1) / 3,
        "short_run_estimates": lambda scale, key, x, num_samples: (
            WeightedMean(-jnp.log(6.0) * jnp.sum(x != PAD, axis=1) / num_samples, *3 * [0.1 * jnp.ones(len(x))]),
            ShortRunDraws(*(value * jnp.ones(shape) for value, shape in drawn(num_samples, len(x)))),
        ),
    }
    sample = lambda scale, key, num: jnp.tile(jnp.array([[4, EOS]]), (num, 1))
    return Trained(Method(lambda *_: None, lambda *_: None, sample, lambda *_: {}, functions), jnp.float32(0.01))


def test_posterior(trained):
    """Of two dimensions one tells the first token, of which there are three kinds."""
    draws = sentence_scores.posterior_draws(trained, X, 80, 2, KEY)
    assert draws.shape == (80, 5, 2)
    np.testing.assert_allclose(draws[..., 0], np.broadcast_to(X[:, 0], (80, 5)), atol=0.06)
    assert np.std(draws, axis=0).min() > 0
    found = sentence_scores.posterior_figures(draws)
    kinds = np.array([2, 2, 1]) / 5  # sentences that begin with a, with b, with EOS
    np.testing.assert_allclose(found["mutual_information"], -np.sum(kinds * np.log(kinds)), atol=0.2)
    assert found["active_units"] == 1 and found["kl_gaussian"] > 10


def test_reconstruction_and_likelihood(trained):
    """Only in "a b" can a swap change the first word, by one; nats per sentence and per token."""
    found = sentence_scores.reconstruction_figures(trained, X, 3, KEY, max_swaps=1)
    assert found["reconstruction_nll"] < 0.05
    assert found["reconstruction_nll_1_swaps"] - found["reconstruction_nll"] == pytest.approx(0.2, abs=0.21)
    found = sentence_scores.short_run_figures(trained, X, 2, KEY, num_samples=2)
    np.testing.assert_allclose(found["short_run_perplexity"], np.sqrt(6), rtol=1e-5)
    np.testing.assert_allclose(found["short_run_nll"], np.log(6) / 2 * 13 / 5, rtol=1e-5)
    assert found["short_run_nll_unreliable"] == 0
    np.testing.assert_allclose(found["kl_fixed_noise"], -4 + 3 + 1 + np.log(2 * np.pi), rtol=1e-5)
    found = sentence_scores.exact_likelihood_figures(trained, X, 2, KEY)
    np.testing.assert_allclose(found["perplexity"], 6 ** (1 / 3), rtol=1e-5)
    estimates = WeightedMean(np.array([-2.0, np.nan, -4.0]), np.array([0.1, np.inf, np.inf]), np.ones(3), np.ones(3))
    found = sentence_scores.sentence_likelihoods(estimates, X[:3])  # one of them refused
    assert found["nll"] == 3 and found["nll_unreliable"] == 2 / 3
    np.testing.assert_allclose(found["perplexity"], np.exp(6 / 7), rtol=1e-5)


def test_sentences_to_read(trained, tmp_path):
    generated = sentence_scores.generate(trained, 3, 2, KEY)
    np.testing.assert_array_equal(generated, [[4, EOS]] * 3)
    path = tmp_path / "sentences.txt"
    sentence_scores.write_sentences(path, trained, VOCABULARY, X, generated, KEY)
    lines = path.read_text().splitlines()
    assert lines[:4] == ["samples", "  a", "  a", "  a"]
    assert lines[lines.index("  a b") + 1] == "    a a a" and lines[lines.index("  b") + 1] == "    b b b"
    assert lines.count("between two test sentences") == 2


def test_cross_perplexities():
    """Rows of other lengths are compared as they are; sentences of the same words are as good as the real ones."""
    decoder = TextDecoder(vocab_size=6, embed_dim=4, hidden_dim=8)
    real = np.tile(np.array([[4, 5, EOS]], np.int32), (6, 1))
    generated = np.pad(real[:5], ((0, 0), (0, 2)))
    fit = dict(num_steps=150, batch_size=8, learning_rate=2e-2)
    arms = sentence_scores.cross_figures(decoder, real, real, {"": generated, "same": real[:5]}, KEY, **fit)
    found = arms[""]
    assert arms["same"]["real_perplexity"] == found["real_perplexity"]
    np.testing.assert_allclose(list(found.values()), 1.0, atol=0.2)
    np.testing.assert_allclose(found["reverse_perplexity"], found["real_perplexity"], rtol=1e-3)
