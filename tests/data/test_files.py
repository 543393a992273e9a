import zipfile

import numpy as np
import pytest

from ebmjax.data import DataError, load, spec
from ebmjax.data.base import hold_out

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 5, 4, 3), np.uint8)
LABELS = np.arange(30) % 7


def save(folder, **arrays):
    np.savez(folder / "a.npz", **arrays)
    return f"npz:{folder}/a.npz"


def test_train_and_test(tmp_path):
    name = save(tmp_path, x_train=IMAGES[:20], y_train=LABELS[:20], x_test=IMAGES[20:], y_test=LABELS[20:], ids=LABELS)
    data = load(name)
    assert spec(data) == (name, (5, 4, 3), 20, 10, 7, 255, None)
    np.testing.assert_array_equal(data.x_test, IMAGES[20:])
    np.testing.assert_array_equal(data.y_train, LABELS[:20])
    assert data.x_train.dtype == np.uint8 and data.y_train.dtype == data.y_test.dtype == np.int32


@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_without_test_part_a_tenth_is_held_out(tmp_path, keys):
    data = load(save(tmp_path, **{keys[0]: IMAGES, keys[1]: LABELS}))
    train, test = hold_out(30, "")
    assert len(data.x_test) == 3
    np.testing.assert_array_equal(data.x_train, IMAGES[train])
    np.testing.assert_array_equal(data.x_test, IMAGES[test])
    np.testing.assert_array_equal(data.y_train, LABELS[train])
    np.testing.assert_array_equal(data.y_test, LABELS[test])


def test_one_array_alone_gets_a_channel(tmp_path):
    data = load(save(tmp_path, whatever=IMAGES[..., 0]))
    assert data.x_train.shape == (27, 5, 4, 1) and data.y_train is data.y_test is None


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    assert load(f"npz:{tmp_path}/a.npy").x_train.shape == (27, 5, 4, 3)


def test_tables_are_float32_and_keep_their_units(tmp_path):
    table = np.random.RandomState(0).normal(50, 20, (40, 3))
    data = load(save(tmp_path, x_train=table[:30], x_test=table[30:]))
    assert data.max_value is None and data.x_train.dtype == np.float32
    np.testing.assert_allclose(data.x_train, table[:30], rtol=1e-6)


BAD = {
    "channels": (dict(x=np.zeros((9, 4, 4, 4), np.uint8)), r"x uint8\[9, 4, 4, 4\]: images are .* C 1 or 3"),
    "vectors of bytes": (dict(x=np.zeros((9, 4), np.uint8)), "images are"),
    "an alpha channel": (dict(x=np.ones((9, 4, 4, 4))), r"x float64\[9, 4, 4, 4\]: images are .* x\[..., :3\] drops"),
    "complex images": (dict(x=np.ones((9, 4, 4, 1), complex)), "store images as uint8"),
    "dates": (dict(x=np.zeros((9, 4, 4), "M8[s]")), "store images as uint8"),
    "standardised images": (dict(x=IMAGES / 50 - 2.5), r"span -2.5 .. 2.6, not 0 .. 255.*store np.clip\(\(x - BLACK\)"),
    "12 bits": (dict(x=IMAGES.astype(np.uint16) * 16), "white is in doubt: they span 0 .. 4080"),
    "negative integers": (dict(x=IMAGES.astype(np.int16) - 128), "span -128 .. 127"),
    "NaN in images": (
        dict(x=np.where(np.arange(30)[:, None, None] == 7, np.nan, IMAGES[..., 0] / 255)),
        "row 7 is not",
    ),
    "unlike ranges": (dict(x_train=IMAGES / 255, x_test=IMAGES * 1.0), "x_test .* spans 0 .. 255, but the training"),
    "unlike types": (dict(x_train=IMAGES / 255, x_test=IMAGES), "must match in type"),
    "integers": (dict(x=np.zeros((9, 4), np.int64)), r"x int64\[9, 4\]: store images as uint8 .* table as floats"),
    "one axis": (dict(x=np.zeros(9)), "table as floats"),
    "empty": (dict(x=np.zeros((0, 4))), "is empty"),
    "no array": ({}, "expected x_train and x_test .* found no array"),
    "wrong keys": (dict(a=IMAGES, b=IMAGES), "expected x_train and x_test .* found a, b"),
    "x with x_test": (dict(x=IMAGES, x_test=IMAGES), "expected x_train and x_test .* found x, x_test"),
    "infinite": (dict(x=np.array([[1.0], [2.0], [np.inf]])), "finite in float32; row 2 is not"),
    "too large": (dict(x=np.array([[1.0], [1e300]])), "finite in float32; row 1 is not"),
    "pickled": (dict(x=np.array([{}, "a"], object)), "pickled objects .*np.savez"),
    "too few": (dict(x=IMAGES[:1]), "at least 2 examples, got 1"),
    "labels: too few": (dict(x=IMAGES, y=LABELS[:9]), r"y int64\[9\]: expected .* integers \[30\]"),
    "labels: one-hot": (dict(x=IMAGES, y=np.eye(30)), r"y float64\[30, 30\]: expected .*y.argmax\(axis=1\)"),
    "labels: fractions": (dict(x=IMAGES, y=LABELS / 2), "y float64.*whole numbers; row 1 has 0.5"),
    "labels: NaN": (dict(x=np.ones((9, 2)), y=np.full(9, np.nan)), "whole numbers; row 0 has nan"),
    "labels: dates": (dict(x=np.ones((9, 2)), y=np.zeros(9, "M8[s]")), "expected one label for each example"),
    "labels: train only": (dict(x_train=IMAGES, x_test=IMAGES, y_train=LABELS), "labels need y_train"),
    "labels: test only": (dict(x_train=IMAGES, x_test=IMAGES, y_test=LABELS), "labels need y_train"),
    "unlike shapes": (dict(x_train=IMAGES, x_test=IMAGES[:, 1:]), "must match"),
    "unlike kinds": (dict(x_train=IMAGES, x_test=np.zeros((9, 4))), "must match"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays(tmp_path, case):
    arrays, message = BAD[case]
    name = save(tmp_path, **arrays)
    with pytest.raises(DataError, match=message) as error:
        load(name)
    assert str(error.value).startswith(name) and "\n" not in str(error.value)


def test_missing_file(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="none.npz: no such file$"):
        load(f"npz:{tmp_path}/none.npz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"npz:none.npz: no such file .{tmp_path}/none.npz.$"):
        load("npz:none.npz")
    with pytest.raises(DataError, match="no such file, but a folder"):
        load(f"npz:{tmp_path}")
    with pytest.raises(DataError, match="npz:~no_such_user/x.npz: no such file"):
        load("npz:~no_such_user/x.npz")
    with pytest.raises(DataError, match="aaa: File name too long$"):
        load(f"npz:{'a' * 300}")
    with pytest.raises(DataError, match="no such file"):
        load("npz:")


def test_archives_that_are_no_arrays(tmp_path):
    """Members that are no arrays are ignored; what is encrypted is refused."""
    save(tmp_path, x=IMAGES)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("notes.txt", "made on Monday")
    assert load(f"npz:{tmp_path}/a.npz").x_train.shape == (27, 5, 4, 3)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("notes.txt", "made on Monday")
    with pytest.raises(DataError, match="b.npz: expected x_train and x_test .* found no array"):
        load(f"npz:{tmp_path}/b.npz")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption in the list of members
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(DataError, match="c.npz: not readable as plain arrays.*encrypted"):
        load(f"npz:{tmp_path}/c.npz")


@pytest.mark.parametrize(
    "damage, said",
    [
        ("truncated", "not readable as plain arrays"),
        ("flipped", "not readable as plain arrays"),
        ("text", r"neither an .npz nor an .npy file; .* CSV file .* np.savez\(.*np.loadtxt"),
        ("nothing", "is empty"),
    ],
)
def test_damaged_file(tmp_path, damage, said):
    save(tmp_path, x=IMAGES)
    path = tmp_path / "a.npz"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    path.write_bytes({"truncated": content[:middle], "flipped": content, "text": b"a,b\n1,2\n", "nothing": b""}[damage])
    with pytest.raises(DataError, match=said) as error:
        load(f"npz:{path}")
    assert str(path) in str(error.value) and "\n" not in str(error.value)
