"""Generation against every sentence a tiny decoder can make, written out with its probability."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from ebmjax.estimators.decoding import beam_search, greedy, interpolate_sentences, sample_tokens
from ebmjax.estimators.interpolation import straight_line
from ebmjax.types import BOS, EOS, PAD, UNK

V, L, WORDS = 6, 3, (UNK, 4, 5)
RANDOM = np.random.RandomState(0)
WEIGHTS = [jnp.asarray(1.5 * RANDOM.standard_normal(shape), jnp.float32) for shape in [(4, 4), (V, 4), (4, V), (2, V)]]
Z = jnp.asarray(RANDOM.standard_normal((3, 2)), jnp.float32)


def start(z):
    return {"h": jnp.tanh(jnp.pad(z, ((0, 0), (0, 2))))}


def step(hidden, z, token):
    """A recurrent net whose state remembers all words."""
    a, b, c, d = WEIGHTS
    h = jnp.tanh(hidden["h"] @ a + b[token])
    return {"h": h}, h @ c + z @ d


GREEDY = jax.jit(lambda z, length: greedy(start, step, z, length), static_argnums=1)
BEAMS = jax.jit(lambda z, width: beam_search(start, step, z, L, width=width), static_argnums=1)
STEP = jax.jit(step)

SENTENCES = [
    (*words, *([EOS] if n < L else []), *[PAD] * (L - 1 - n))
    for n in range(L + 1)
    for words in itertools.product(WORDS, repeat=n)
]
"""All that end by EOS within L tokens, or are cut there: 1 + 3 + 9 + 27."""


@pytest.fixture(scope="module")
def log_probs():
    """log p of `SENTENCES` given each row of Z, token by token: `[3, 40]`, and the same with PAD and BOS ruled out."""
    rows = jnp.asarray(SENTENCES)
    found = []
    for banned in ([], [PAD, BOS]):
        z = jnp.repeat(Z, len(rows), axis=0)
        tokens, hidden, last = jnp.tile(rows, (len(Z), 1)), start(z), jnp.full(len(z), BOS)
        total = np.zeros(len(z))
        for t in range(L):
            hidden, logits = STEP(hidden, z, last)
            weights = np.exp(np.asarray(logits, np.float64))
            weights[:, banned] = 0.0
            counts = np.asarray(tokens[:, t] != PAD)
            p = weights[np.arange(len(z)), tokens[:, t]] / weights.sum(1)
            total += np.log(np.where(counts, p, 1.0))
            last = tokens[:, t]
        found.append(total.reshape(len(Z), -1))
    return found


def test_the_sentences_are_all_there_are(log_probs):
    assert len(set(SENTENCES)) == 40
    np.testing.assert_allclose(np.exp(log_probs[1]).sum(1), 1.0, rtol=1e-5)


def test_wide_beam_search_is_exact(log_probs):
    """All 40 sentences in the order of their probability; beams beyond them have none."""
    tokens, log_prob = BEAMS(Z, 45)
    order = np.argsort(-log_probs[0], axis=1)
    np.testing.assert_allclose(log_prob[:, :40], np.take_along_axis(log_probs[0], order, 1), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(tokens[:, :40], np.asarray(SENTENCES)[order])
    assert np.all(log_prob[:, 40:] == -np.inf)


def test_narrow_beams(log_probs):
    """Width 1 is greedy; every width reports its sentences' own probabilities, none above the best of all."""
    np.testing.assert_array_equal(BEAMS(Z, 1)[0][:, 0], GREEDY(Z, 8)[:, :L])
    number = {sentence: i for i, sentence in enumerate(SENTENCES)}
    for width in (1, 4):
        tokens, log_prob = BEAMS(Z, width)
        rows = [[number[tuple(map(int, beam))] for beam in beams] for beams in tokens]
        np.testing.assert_allclose(log_prob, np.take_along_axis(log_probs[0], np.array(rows), 1), rtol=1e-4, atol=1e-4)
        assert np.all(log_prob[:, 0] <= log_probs[0].max(1) + 1e-4) and all(len(set(r)) == width for r in rows)
    with pytest.raises(ValueError, match="width must be ≥ 1"):
        beam_search(start, step, Z, L, width=0)


def test_greedy_takes_the_most_probable_word():
    tokens = np.asarray(GREEDY(Z, 8))
    for row, z in zip(tokens, Z, strict=True):
        hidden, last, ended = start(z[None]), BOS, False
        for token in row:
            hidden, logits = STEP(hidden, z[None], jnp.array([last]))
            allowed = {k: float(logits[0, k]) for k in (EOS, *WORDS)}
            assert token == (PAD if ended else max(allowed, key=lambda k: allowed[k]))
            ended, last = ended or token == EOS, int(token)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_samples_have_the_decoders_frequencies(temperature, log_probs):
    """χ² of 20,000 draws against the probabilities; at another temperature those of the decoder with sharper logits."""
    num = 20_000
    z = jnp.broadcast_to(Z[0], (num, 2))
    draw = jax.jit(lambda z: sample_tokens(jax.random.key(0), start, step, z, L, temperature=temperature))
    drawn = np.asarray(draw(z))
    kinds, counts = np.unique(drawn, axis=0, return_counts=True)
    found = {tuple(map(int, kind)): n for kind, n in zip(kinds, counts, strict=True)}
    assert set(found) <= set(SENTENCES)
    expected = num * np.exp(log_probs[1][0] if temperature == 1 else sharpened(temperature))
    observed = np.array([found.get(sentence, 0) for sentence in SENTENCES])
    common = expected > 5
    statistic = np.sum((observed - expected)[common] ** 2 / expected[common])
    assert statistic < chi2.ppf(0.999, common.sum())


def sharpened(temperature):
    """log p of SENTENCES given Z[0] with logits / temperature, PAD and BOS ruled out."""
    total = []
    for sentence in SENTENCES:
        hidden, last, log_p = start(Z[:1]), BOS, 0.0
        for token in itertools.takewhile(lambda t: t != PAD, sentence):
            hidden, logits = STEP(hidden, Z[:1], jnp.array([last]))
            logits = np.asarray(logits[0], np.float64) / temperature
            log_p += logits[token] - np.log(np.exp(logits[[EOS, *WORDS]]).sum())
            last = token
        total.append(log_p)
    return np.array(total)


def test_rows_are_independent_and_longer_begins_with_shorter():
    """A row depends on its z (and its place among the draws) alone, and PAD follows EOS."""
    key = jax.random.key(1)
    short, long = (sample_tokens(key, start, step, jnp.tile(Z, (50, 1)), n, temperature=0.9) for n in (3, 6))
    np.testing.assert_array_equal(long[:, :3], short)
    after = np.cumsum(np.asarray(long) == EOS, axis=1) - (np.asarray(long) == EOS) > 0
    assert after.any() and np.all(np.asarray(long)[after] == PAD) and np.all(np.asarray(long)[~after] != PAD)
    np.testing.assert_array_equal(GREEDY(Z[::-1], 8)[1], GREEDY(Z, 8)[1])


def test_interpolation():
    """Its ends are what their z decode to, by either path, with points between of another norm."""
    decoded = np.asarray(GREEDY(Z, 8))[:, :L]
    for path in ({}, {"path": straight_line}):
        x = interpolate_sentences(start, step, Z[:2], Z[1:], num=5, length=L, **path)
        assert x.shape == (2, 5, L)
        np.testing.assert_array_equal(x[:, 0], decoded[:2])
        np.testing.assert_array_equal(x[:, -1], decoded[1:])
    np.testing.assert_allclose(straight_line(Z[:1], Z[1:2], 3)[:, 1], (Z[:1] + Z[1:2]) / 2, rtol=1e-6)
