"""Labels of every kind become classes 0 .. K - 1, by one rule for images, tables and sentences."""

import numpy as np
import pytest

from ebmjax.data import DataError, load, spec
from ebmjax.data.base import hold_out
from ebmjax.data.classes import number_labels
from ebmjax.data.tfds import _classes

CLASSES = np.arange(30) % 10
EXAMPLES = {
    "images": np.random.RandomState(0).randint(0, 256, (30, 4, 4), np.uint8),
    "table": np.random.RandomState(0).normal(size=(30, 2)),
}


def numbered(tmp_path, kind, labels):
    np.savez(tmp_path / "a.npz", x=EXAMPLES[kind], y=labels)
    return load(f"npz:{tmp_path}/a.npz")


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    "labels",
    [
        CLASSES + 1,
        CLASSES - 7,
        CLASSES * 3,
        np.where(CLASSES == 9, 2_000_000_000, CLASSES),
        CLASSES.astype(np.uint64) + 2**63,
        CLASSES[:, None].astype(np.uint8) + 1,
        CLASSES + 1.0,
        np.array(list("abcdefghij"))[CLASSES],
        np.array([b"c%d" % i for i in range(10)])[CLASSES],
    ],
    ids=["from 1", "negative", "gaps", "huge", "64 bits", "a column", "floats", "text", "bytes"],
)
def test_ten_labels_are_ten_classes(tmp_path, capsys, kind, labels):
    data = numbered(tmp_path, kind, labels)
    assert spec(data).num_classes == 10 and data.y_train.dtype == data.y_test.dtype == np.int32
    for part, rows in zip((data.y_train, data.y_test), hold_out(30, ""), strict=True):
        np.testing.assert_array_equal(part, CLASSES[rows])
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "the 10 labels" in said and "become the classes 0 .. 9, in this order" in said


@pytest.mark.parametrize(
    "labels", [CLASSES, CLASSES.astype(np.float32), CLASSES > 4], ids=["0 .. 9", "floats", "bools"]
)
def test_classes_are_kept_without_a_word(tmp_path, capsys, labels):
    data = numbered(tmp_path, "images", labels)
    np.testing.assert_array_equal(data.y_train, labels[hold_out(30, "")[0]])
    assert capsys.readouterr().err == ""


def test_both_parts_are_numbered_together():
    train, test = number_labels([np.array([3, 7, 3]), np.array([5], np.uint8)], "x")
    assert (train.tolist(), test.tolist()) == ([0, 2, 0], [1])
    # 2⁵³ + 1 is no float64, into which NumPy turns a mixture of signed and unsigned integers.
    train, test = number_labels([np.array([2**53, 2**53 + 1]), np.array([2**53 + 1], np.uint64)], "x")
    assert (train.tolist(), test.tolist()) == ([0, 1], [1])
    with pytest.raises(DataError, match="x: the labels .* must both be numbers, or both text"):
        number_labels([np.array([1, 2]), np.array(["1"])], "x")


def test_numbers_of_the_examples_are_no_labels(tmp_path, capsys):
    numbered(tmp_path, "table", np.arange(30))
    assert "30 classes for 30 examples" in capsys.readouterr().err


def test_sentences(tmp_path, capsys):
    """Stars from 1 to 5, and signs."""
    for labels in ([1, 3, 5, 4, 2, 1], [-1, 1, 1, -1, 1, 1]):
        (tmp_path / "train.txt").write_text("".join(f"{label}\tgood\n" for label in labels[:5]))
        (tmp_path / "test.txt").write_text(f"{labels[5]}\tbad\n")
        data = load(f"lines:{tmp_path}/train.txt")
        names = sorted(set(labels))
        assert data.y_train.tolist() == [names.index(label) for label in labels[:5]]
        assert data.y_test.tolist() == [names.index(labels[5])] and spec(data).num_classes == len(names)
        assert f"become the classes 0 .. {len(names) - 1}" in capsys.readouterr().err


def test_tfds_writes_unknown_labels_as_minus_one(capsys):
    known, unknown = np.array([0, 1, 2], np.int32), np.array([-1, -1], np.int32)
    assert _classes(known, unknown, "x") == (None, None) and "the test part has no labels" in capsys.readouterr().err
    train, test = _classes(known + 1, np.array([3]), "x")
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [2])
