"""Fingerprints: equal for equal data, different for a change of any array, cheap for large ones."""

import numpy as np
import pytest

from ebmjax.data import Dataset, load
from ebmjax.data import fingerprint as module
from ebmjax.data.fingerprint import fingerprint

X = np.random.RandomState(0).randint(0, 256, (40, 4, 4, 1), np.uint8)
DATA = Dataset("x", X[:30], np.arange(30, dtype=np.int32) % 3, X[30:], np.arange(10, dtype=np.int32) % 3, 255)


def changed(x, row):
    x = x.copy()
    x[row] ^= 1
    return x


def test_every_part_is_seen():
    before = fingerprint(DATA)
    assert set(before) == {"x_train", "y_train", "x_test", "y_test"} and before == fingerprint(DATA)
    assert before["x_train"].startswith("uint8[30, 4, 4, 1] ")
    for part in before:
        for row in (0, 4, -1):
            after = fingerprint(DATA._replace(**{part: changed(getattr(DATA, part), row)}))
            assert {name for name in before if before[name] != after[name]} == {part}
    assert fingerprint(DATA._replace(x_train=X[:29]))["x_train"] != before["x_train"]
    assert fingerprint(DATA._replace(x_train=X[:30].reshape(30, 2, 8, 1)))["x_train"] != before["x_train"]


def test_of_large_arrays_some_rows_are_seen(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 5 * X[0].nbytes)  # 5 of 30 rows: 0, 7, 14, 21, 29
    before = fingerprint(DATA)["x_train"]
    seen = [row for row in range(30) if fingerprint(DATA._replace(x_train=changed(X[:30], row)))["x_train"] != before]
    assert seen == [0, 7, 14, 21, 29]


@pytest.mark.parametrize("name", ["digits", "pydoc", "wine"])
def test_data_sets_by_name_have_one(name):
    found = load(name).fingerprint
    assert found == load(name).fingerprint and ("vocabulary" in found) == (name == "pydoc")


def test_it_is_that_of_the_table_before_its_columns_are_scaled():
    """Means and deviations round differently on other machines, where a run may continue."""
    assert load("wine", standardise=True).fingerprint == load("wine").fingerprint
