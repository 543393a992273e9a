import numpy as np
import pytest

from ebmjax.data import DataError, Dataset, load, spec, with_labels


def table(num=60, y=None):
    x = np.random.RandomState(0).normal([5.0, -3.0, 7.0], [2.0, 0.1, 0.0], (num, 3)).astype(np.float32)
    y = np.arange(num, dtype=np.int32) % 3 if y is None else y
    return Dataset("table", x[:40], y[:40], x[40:], y[40:], max_value=None)


SIZES = {"digits_vectors": (1297, 500, 64, 10), "breast_cancer": (398, 171, 30, 2), "wine": (124, 54, 13, 3)}


@pytest.mark.parametrize("name", SIZES)
def test_embedded_sets(name):
    num_train, num_test, dim, num_classes = SIZES[name]
    data = load(name)
    assert spec(data)[1:5] == ((dim,), num_train, num_test, num_classes) and data.max_value is None
    assert data.x_train.dtype == np.float32 and data.y_train.dtype == np.int32
    rows = {row.tobytes() for row in data.x_train} & {row.tobytes() for row in data.x_test}
    assert not rows  # no example is in both parts
    np.testing.assert_array_equal(load(name).x_train, data.x_train)


def test_digits_vectors_are_the_digits_in_their_range():
    data = load("digits_vectors")
    assert data.x_train.min() == -1 and data.x_train.max() == 1


def test_standardised_by_the_training_part_alone(tmp_path):
    data = table()
    path = tmp_path / "a.npz"
    np.savez(path, x_train=data.x_train, y_train=data.y_train, x_test=data.x_test + 100, y_test=data.y_test)
    scaled, plain = load(f"npz:{path}", standardise=True), load(f"npz:{path}")
    np.testing.assert_allclose(scaled.x_train.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.x_train.std(0)[:2], 1, atol=1e-4)
    np.testing.assert_allclose(scaled.x_train[:, 2], 0, atol=1e-4)  # constant
    # The test part lies where it lay in units of the training part's spread: 100 away.
    columns = plain.x_train[:, :2], plain.x_test[:, :2]
    expected = (columns[1] - columns[0].mean(0)) / columns[0].std(0)
    np.testing.assert_allclose(scaled.x_test[:, :2], expected, rtol=1e-3)
    np.testing.assert_allclose(scaled.x_test[:, 2], 100, rtol=1e-3)


def test_as_many_labels_of_each_class():
    data = with_labels(table(), 5, (0, 1, 2))
    assert data.labelled.shape == (3, 15) and data.labelled.dtype == np.int32
    for rows in data.labelled:
        assert len(set(rows)) == 15
        np.testing.assert_array_equal(data.y_train[rows], np.repeat([0, 1, 2], 5))
    assert not np.array_equal(*data.labelled[:2])
    # A seed's draw is its own: alone, and one of more labels begins with it.
    np.testing.assert_array_equal(with_labels(table(), 5, 1).labelled, data.labelled[1])
    more = with_labels(table(), 8, 1).labelled.reshape(3, 8)
    np.testing.assert_array_equal(more[:, :5].ravel(), data.labelled[1])


def test_all_labels():
    assert with_labels(table(), 0, 0).labelled is None


def test_refused():
    with pytest.raises(DataError, match=r"table: 14 labels a class .* class 1 has 13"):
        with_labels(table(), 14, 0)
    with pytest.raises(DataError, match="has no labels"):
        with_labels(table()._replace(y_train=None), 5, 0)
    with pytest.raises(DataError, match="standardise is for tables"):
        load("digits", standardise=True)
    with pytest.raises(DataError, match="did you mean breast_cancer"):
        load("breast_canser")
