"""Comparisons of sentences word by word: BLEU of reconstructions, and the KL divergence of word frequencies.

Sentences are int32 rows `[N, L]` of tokens; PAD, BOS and EOS are not words, UNK is one.
"""

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike

from ebmjax.types import BOS, EOS, PAD

MAX_ORDER = 4


def words_of(row: np.ndarray) -> tuple[int, ...]:
    """The words of one sentence."""
    return tuple(int(token) for token in row if token not in (PAD, BOS, EOS))


def ngrams(words: tuple[int, ...], order: int) -> Counter:
    """Number of times that each sequence of `order` words occurs."""
    return Counter(words[i : i + order] for i in range(len(words) - order + 1))


def bleu(candidates: ArrayLike, references: ArrayLike) -> float:
    """BLEU of a corpus, in percent: `[N, L]` twice, one reference for each candidate -> [0, 100].

    The geometric mean over n = 1 .. 4 of the share of the candidates' n-grams that their references have, each at most
    as often as there, all sentences together; times exp(1 - r / c) if all candidates have c words and the references
    r > c. 0 if no 4-gram matches (nothing is smoothed), as by the script multi-bleu.perl.

    Reference: Papineni et al. 2002 (BLEU), section 2.
    """
    pairs = [(words_of(a), words_of(b)) for a, b in zip(np.asarray(candidates), np.asarray(references), strict=True)]
    log_precisions = []
    for order in range(1, MAX_ORDER + 1):
        counts = [(ngrams(a, order), ngrams(b, order)) for a, b in pairs]
        matched = sum(sum((a & b).values()) for a, b in counts)
        if not matched:
            return 0.0
        log_precisions.append(np.log(matched / sum(a.total() for a, _ in counts)))
    lengths = [sum(len(pair[i]) for pair in pairs) for i in (0, 1)]
    brevity = min(0.0, 1.0 - lengths[1] / lengths[0])
    return float(100.0 * np.exp(np.mean(log_precisions) + brevity))


def word_frequencies(tokens: ArrayLike, vocab_size: int) -> np.ndarray:
    """Number of times that each word occurs: `[N, L]` -> `[vocab_size]`, 0 at PAD, BOS and EOS."""
    counts = np.bincount(np.asarray(tokens).ravel(), minlength=vocab_size)
    counts[[PAD, BOS, EOS]] = 0
    return counts


def word_kl(generated: ArrayLike, real: ArrayLike, vocab_size: int) -> float:
    """KL(generated || real) of the frequencies of words, in nats: sentences `[N, L]` and `[M, L]` -> ≥ 0.

    A word that real sentences do not have counts as if it occurred there once, so that the result is finite. A few
    generated sentences have a KL above 0 even if they are like the real ones: about (number of words - 1) / (2 · number
    of word tokens). The other direction would be infinite for every word that is not generated.
    """
    counts = [word_frequencies(tokens, vocab_size) for tokens in (generated, real)]
    p = counts[0] / max(counts[0].sum(), 1)
    q = np.where((counts[1] == 0) & (counts[0] > 0), 1, counts[1])
    q = q / q.sum()
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))
