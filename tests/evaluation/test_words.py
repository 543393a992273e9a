"""BLEU and the KL divergence of word frequencies, against values computed by hand."""

import numpy as np
import pytest

from ebmjax.evaluation.clusters import purity
from ebmjax.evaluation.words import bleu, word_kl
from ebmjax.types import BOS, EOS, PAD

A, B, C, D, E, F = range(10, 16)


def test_bleu_by_hand():
    """A B C D E against A B C D F: 4/5, 3/4, 2/3, 1/2 of the n-grams; their product is 1/5, the lengths are equal."""
    assert bleu([[A, B, C, D, E, EOS]], [[A, B, C, D, F, EOS]]) == pytest.approx(100 * 0.2**0.25)
    assert bleu([[A, B, C, D, EOS, PAD]], [[A, B, C, D, EOS, PAD]]) == pytest.approx(100)
    assert bleu([[A, B, C, EOS]], [[A, B, C, EOS]]) == 0  # no four words in a row


def test_bleu_counts_over_the_corpus_at_most_as_often_as_the_reference():
    """A A A A A against A A A A B: 4/5, 3/4, 2/3, 1/2 after clipping. With a second pair that is equal, of five words:
    9/10, 7/8, 5/6, 3/4."""
    repeated, other = [A, A, A, A, A], [A, A, A, A, B]
    assert bleu([repeated], [other]) == pytest.approx(100 * 0.2**0.25)
    same = [C, D, E, F, A]
    expected = 100 * (9 / 10 * 7 / 8 * 5 / 6 * 3 / 4) ** 0.25
    assert bleu([repeated, same], [other, same]) == pytest.approx(expected)


def test_bleu_of_short_candidates_is_lower():
    """Four words that all match a reference of six: exp(1 - 6 / 4)."""
    found = bleu([[A, B, C, D, EOS, PAD]], [[A, B, C, D, E, F]])
    assert found == pytest.approx(100 * np.exp(-0.5))
    assert bleu([[A, B, C, D, E, F]], [[A, B, C, D, EOS, PAD]]) < 100  # longer ones have no penalty of length,
    precisions = 4 / 6 * 3 / 5 * 2 / 4 * 1 / 3  # only n-grams that do not match
    assert bleu([[A, B, C, D, E, F]], [[A, B, C, D, EOS, PAD]]) == pytest.approx(100 * precisions**0.25)


def test_kl_of_words_by_hand():
    """Generated A A B B, real A A A B: 1/2 log (1/2 / 3/4) + 1/2 log (1/2 / 1/4); ends and filling do not count."""
    generated, real = [[A, A, EOS, PAD], [B, B, EOS, PAD]], [[BOS, A, A, B], [A, EOS, PAD, PAD]]
    assert word_kl(generated, real, 20) == pytest.approx(0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    assert word_kl(real, real, 20) == pytest.approx(0)
    # C never occurs in the other: it counts once there, so that A has 1 of 2, C 1 of 2.
    assert word_kl([[C, A]], [[A, PAD]], 20) == pytest.approx(0)
    assert word_kl([[C, C]], [[A, PAD]], 20) == pytest.approx(np.log(2))


def test_purity_by_hand():
    """Cluster 0 has classes 0 0 1, cluster 1 has 1 1 2: two of three each. One cluster for each class is 1."""
    assert purity([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 2]) == pytest.approx(4 / 6)
    assert purity([2, 2, 0, 1], [0, 0, 1, 2]) == 1.0
    assert purity(np.zeros(8, int), np.arange(8)) == pytest.approx(1 / 8)
