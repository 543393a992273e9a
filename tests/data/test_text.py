"""Sentences as tokens: round trip, vocabulary, files with and without labels, and what is refused."""

import gzip

import numpy as np
import pytest

from ebmjax.data import DataError, load, spec, text, to_float
from ebmjax.types import BOS, EOS, PAD, UNK


def write(path, content):
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return f"lines:{path}"


def test_round_trip_and_vocabulary():
    sentences = [["b", "a", "b"], ["c", "b", "a", "<eos>"]]
    vocabulary = text.build_vocabulary(sentences)
    assert vocabulary == (*text.SPECIAL, "b", "a", "c")  # by frequency
    assert text.build_vocabulary(sentences, 5) == (*text.SPECIAL, "b")
    rows = text.to_tokens(sentences, vocabulary, 5)
    np.testing.assert_array_equal(rows, [[4, 5, 4, EOS, PAD], [6, 4, 5, UNK, EOS]])
    assert rows.dtype == np.int32
    assert [text.to_sentence(row, vocabulary) for row in rows] == ["b a b", "c b a <unk>"]
    # What is too long is cut, and still ends.
    np.testing.assert_array_equal(text.to_tokens(sentences, vocabulary, 3), [[4, 5, EOS], [6, 4, EOS]])
    assert text.to_sentence([BOS, 4, 5], vocabulary) == "b a"


def test_the_vocabulary_is_that_of_the_training_part(tmp_path):
    name = write(tmp_path / "a.train.txt", "a b\n\na c a\n")
    write(tmp_path / "a.test.txt", "a new\n")
    data = load(name)
    assert data.vocabulary == (*text.SPECIAL, "a", "b", "c")
    np.testing.assert_array_equal(data.x_test, [[4, UNK, EOS, PAD]])
    assert data.x_train.shape == (2, 4)  # no column that is PAD alone
    assert (data.y_train, data.max_value) == (None, None)
    found = spec(data)
    assert (found.shape, found.vocab_size, found.num_classes) == ((4,), 7, None)
    assert to_float(data.x_train, data.max_value) is data.x_train
    assert load(name, max_length=1, vocabulary_size=5).x_train.tolist() == [[4, EOS], [4, EOS]]


def test_labels_gzip_and_a_test_part_of_another_name(tmp_path):
    name = write(tmp_path / "r.train.100.txt.gz", "1\tgood food\n0\tbad\n")
    write(tmp_path / "r.test.txt.gz", "0\tbad food\n")
    data = load(name)
    assert data.y_train.tolist() == [1, 0] and data.y_test.tolist() == [0]
    assert spec(data).num_classes == 2
    assert text.to_sentence(data.x_test[0], data.vocabulary) == "bad food"


def test_without_a_test_part_a_tenth_is_held_out(tmp_path):
    name = write(tmp_path / "all.txt", "\n".join(f"w{i}" for i in range(30)))
    data = load(name)
    assert (len(data.x_train), len(data.x_test)) == (27, 3)
    assert np.all(data.x_test[:, 0] == UNK)


def test_pydoc_is_the_same_every_time():
    data, again = load("pydoc", max_length=25), load("pydoc", max_length=25)
    np.testing.assert_array_equal(data.x_train, again.x_train)
    assert len(data.x_train) > 1500 and data.x_train.shape[1] == 26
    assert np.all(np.sum(data.x_train == EOS, axis=1) == 1)
    ends = np.argmax(data.x_train == EOS, axis=1)[:, None]
    np.testing.assert_array_equal(data.x_train == PAD, np.arange(26) > ends)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no sentences"),
        ("a b\n1\tc\n", "line 2: either every line has a label"),
        ("good\ta b\n", "line 1: expected a sentence, or label TAB sentence"),
        ("1.5\ta b\n", "line 1: expected a sentence, or label TAB sentence with an integer label"),
        ("1\ta\tb\n", "line 1: expected a sentence, or label TAB sentence"),
        ("a\n", "at least 2 examples"),
    ],
)
def test_malformed_files_are_one_line(tmp_path, content, said):
    with pytest.raises(DataError, match=said) as error:
        load(write(tmp_path / "a.txt", content))
    assert "\n" not in str(error.value)


def test_other_refusals(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load("lines:nowhere.txt")
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b no")
    with pytest.raises(DataError, match="a.gz: not readable as gzip"):
        load(f"lines:{tmp_path / 'a.gz'}")
    with pytest.raises(DataError, match="max_length apply only to sentences"):
        load("digits", max_length=3)
    with pytest.raises(DataError, match="must be at least 1"):
        load("pydoc", max_length=0)
    write(tmp_path / "c.test.txt", "a\n")
    with pytest.raises(DataError, match="must both have labels"):
        load(write(tmp_path / "c.train.txt", "1\ta\n"))
    with pytest.raises(DataError, match="did you mean pydoc"):
        load("pydocs")


@pytest.mark.parametrize(
    "encoding, ends",
    [
        ("utf-8", "\n"),
        ("utf-8-sig", "\n"),
        ("utf-8", "\r\n"),
        ("utf-8-sig", "\r"),
        ("utf-16", "\r\n"),
        ("utf-32", "\n"),
    ],
)
def test_every_encoding_with_a_mark_and_every_line_end_is_the_same_text(tmp_path, encoding, ends):
    """With labels, which a byte order mark in line 1 would break, and one word that it would double."""
    lines = ["1\tthé cat", "0\tthé dog", "1\tthé cat"]
    (tmp_path / "a.train.txt").write_bytes(ends.join(lines).encode(encoding))
    (tmp_path / "a.test.txt").write_bytes(gzip.compress((lines[1] + ends).encode(encoding)))
    data = load(f"lines:{tmp_path}/a.train.txt")
    assert data.vocabulary == (*text.SPECIAL, "thé", "cat", "dog")
    assert (data.y_train.tolist(), data.y_test.tolist()) == ([1, 0, 1], [0])
    assert [text.to_sentence(row, data.vocabulary) for row in data.x_test] == ["thé dog"]


def test_marks_of_joined_files_and_stray_carriage_returns(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffa b\n\ufeffa\rc\n".encode())
    data = load(f"lines:{tmp_path}/a.txt")
    assert set(data.vocabulary) <= {*text.SPECIAL, "a", "b", "c"} and len(data.x_train) + len(data.x_test) == 2


@pytest.mark.parametrize(
    "raw, said",
    [
        ("ok\nthé cat\n".encode("latin1"), "a.txt: not readable as UTF-8 text .line 2.; .*iconv"),
        ("thé cat\n".encode("utf-16-le"), "not readable as UTF-8 text|NUL characters"),
        ("the cat\n".encode("utf-16-le"), "NUL characters; in UTF-16 without a byte order mark, .iconv"),
        (b"\xff\xfe\xfa", "not readable as UTF-16 text"),
        (gzip.compress(b"the cat\n", mtime=0)[:-9], "not readable as gzip"),
    ],
    ids=["latin-1", "UTF-16 without its mark", "plain letters in UTF-16", "half a pair", "gzip cut short"],
)
def test_what_cannot_be_decoded_is_one_line(tmp_path, raw, said):
    (tmp_path / "a.txt").write_bytes(raw)
    with pytest.raises(DataError, match=said) as error:
        load(f"lines:{tmp_path}/a.txt")
    assert "\n" not in str(error.value)
