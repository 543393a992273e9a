"""Sentences as rows of tokens: a vocabulary, a user's file of one sentence per line, and Python's own documentation.

A row is int32 `[L]`: words, EOS, PAD ... (`ebmjax.types`), with L the length of the longest sentence, EOS included.
Words are separated by blanks. A sentence of more than `max_length` words is cut; it still ends with EOS.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ebmjax.data.base import DataError, Dataset, first_line, hold_out
from ebmjax.data.classes import number_labels
from ebmjax.data.encoding import lines_of
from ebmjax.data.paths import user_file
from ebmjax.types import BOS, EOS, PAD, UNK

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
"""How the tokens PAD, UNK, BOS and EOS are written."""

MAX_LENGTH, VOCABULARY_SIZE = 40, 10_000

Lines = list[tuple[int | None, list[str]]]
"""(label or None, words) of every sentence."""


def build_vocabulary(sentences: Iterable[Sequence[str]], size: int = VOCABULARY_SIZE) -> tuple[str, ...]:
    """The special tokens, then the most frequent words, at most `size` entries; ties in alphabetical order."""
    counts = Counter(word for sentence in sentences for word in sentence)
    words = sorted(counts.keys() - set(SPECIAL), key=lambda word: (-counts[word], word))
    return (*SPECIAL, *words[: size - len(SPECIAL)])


def to_tokens(sentences: Sequence[Sequence[str]], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """Rows of tokens int32 `[N, length]`: at most length - 1 words and EOS; unknown words are UNK."""
    numbers = {word: i for i, word in enumerate(vocabulary)}
    numbers |= dict.fromkeys(SPECIAL, UNK)  # a literal "<eos>" in a text does not end the sentence
    rows = np.full((len(sentences), length), PAD, np.int32)
    for row, sentence in zip(rows, sentences, strict=True):
        tokens = [numbers.get(word, UNK) for word in sentence[: length - 1]] + [EOS]
        row[: len(tokens)] = tokens
    return rows


def to_sentence(tokens: Sequence[int] | np.ndarray, vocabulary: Sequence[str]) -> str:
    """The words of one row of tokens up to its first EOS; BOS and PAD are left out."""
    tokens = [int(token) for token in tokens]
    end = tokens.index(EOS) if EOS in tokens else len(tokens)
    return " ".join(vocabulary[token] for token in tokens[:end] if token not in (PAD, BOS))


def make_dataset(name: str, train: Lines, test: Lines, max_length: int, vocabulary_size: int) -> Dataset:
    """Arrays of sentences; the vocabulary is that of the training part. Raises DataError for sizes too small."""
    if max_length < 1 or vocabulary_size <= len(SPECIAL):
        raise DataError(
            f"{name}: max_length = {max_length} must be at least 1, and vocabulary_size = {vocabulary_size} more than "
            f"{len(SPECIAL)}, the number of special tokens"
        )
    vocabulary = build_vocabulary((words[:max_length] for _, words in train), vocabulary_size)
    length = min(max_length, max(len(words) for _, words in (*train, *test))) + 1
    x = [to_tokens([words for _, words in part], vocabulary, length) for part in (train, test)]
    labels = [np.array([label for label, _ in part if label is not None], np.int64) for part in (train, test)]
    y = number_labels(labels, name) if len(labels[0]) else [None, None]
    return Dataset(name, x[0], y[0], x[1], y[1], max_value=None, vocabulary=vocabulary)


def load_lines(path: str, max_length: int = MAX_LENGTH, vocabulary_size: int = VOCABULARY_SIZE) -> Dataset:
    """Sentences from a file of text, one per line, blank lines ignored: UTF-8, perhaps in gzip (`encoding.lines_of`).

    Args:
        path: lines are all `sentence`, or all `label TAB sentence` with an integer label, renumbered 0, 1, ... in
            ascending order (`classes.number_labels`). If the file's name contains "train", the test part is the file in
            the same folder with "test" in its place (the rest of the name may differ if only one such file exists:
            reviews.train.10000.txt.gz, reviews.test.txt.gz). Otherwise it is the last tenth of a fixed permutation.
        max_length: of a sentence in words, ≥ 1. vocabulary_size: including the special tokens, > 4.

    Raises DataError, with the path and the expected format, for anything else.
    """
    name = f"lines:{path}"
    file = user_file(path, name)
    train, sibling = _read(file, name), _test_sibling(file)
    if sibling is None:
        rows = hold_out(len(train), name)
        train, test = ([train[i] for i in part] for part in rows)
    else:
        test = _read(sibling, f"lines:{sibling}")
        if (train[0][0] is None) != (test[0][0] is None):
            raise DataError(f"{name}: it and {sibling.name} must both have labels (label TAB sentence), or neither")
    return make_dataset(name, train, test, max_length, vocabulary_size)


def _test_sibling(file: Path) -> Path | None:
    """The test file that belongs to a file with "train" in its name; None if there is none, or more than one."""
    before, found, after = file.name.rpartition("train")
    if not found:
        return None
    if (same := file.with_name(f"{before}test{after}")).is_file():
        return same
    others = [path for path in file.parent.iterdir() if path.name.startswith(f"{before}test") and path.is_file()]
    return others[0] if len(others) == 1 else None


def _read(file: Path, name: str) -> Lines:
    """The sentences of one file."""
    try:
        lines = lines_of(file.read_bytes(), name)
    except OSError as error:
        raise DataError(f"{name}: {first_line(error)}") from None
    found = [(i, *_parse(line, f"{name}: line {i}")) for i, line in enumerate(lines, 1) if line.strip()]
    found = [(i, label, words) for i, label, words in found if words]
    if not found:
        raise DataError(f"{name}: no sentences; expected one per line, or label TAB sentence")
    for i, label, _ in found:
        if (label is None) != (found[0][1] is None):
            raise DataError(f"{name}: line {i}: either every line has a label (label TAB sentence), or none")
    return [(label, words) for _, label, words in found]


def _parse(line: str, where: str) -> tuple[int | None, list[str]]:
    label, tab, sentence = line.partition("\t")
    if not tab:
        return None, line.split()
    if not re.fullmatch(r"[+-]?\d{1,18}", label.strip(), re.ASCII) or "\t" in sentence:
        raise DataError(f"{where}: expected a sentence, or label TAB sentence with an integer label")
    return int(label), sentence.split()


def pydoc(max_length: int = MAX_LENGTH, vocabulary_size: int = VOCABULARY_SIZE) -> Dataset:
    """Sentences of the Python language reference, which comes with Python (`pydoc_data.topics`), in lower case.

    About 2,300 distinct sentences, a tenth of them held out. Code, tables and headings are left out, numbers become
    "N", and punctuation marks are words. The text, and hence every result, depends a little on Python's version.
    """
    from pydoc_data.topics import topics  # lazy: half a megabyte

    found = (sentence for topic in sorted(topics) for sentence in _sentences(topics[topic]))
    lines: Lines = [(None, sentence.split()) for sentence in dict.fromkeys(found)]
    train, test = ([lines[i] for i in part] for part in hold_out(len(lines), "pydoc"))
    return make_dataset("pydoc", train, test, max_length, vocabulary_size)


def _sentences(topic: str) -> Iterator[str]:
    """Sentences of at least four words, words and punctuation separated by blanks."""
    for block in re.split(r"\n\s*\n", topic):
        paragraph = re.sub(r"^(\d+\.|\*|-) ", "", " ".join(block.split()))
        if not re.match(r'[A-Z"“]', paragraph) or paragraph[-1] not in ".:" or re.search("::=|>>>", paragraph):
            continue  # a heading, a grammar, a program
        for sentence in re.split(r'(?<=[.?!:;]) (?=[A-Z"])', paragraph):
            plain = re.sub(r'\(\)|["“”*]', "", sentence.lower().replace("’", "'"))
            words = re.findall(r"[^\W\d][\w]*(?:['.-][^\W\d]\w*)*|\d+|[^\w\s]", plain)
            if len(words) >= 4:
                yield " ".join("N" if word.isdigit() else word for word in words)
