"""Batches are a function of (seed, step): no row twice in an epoch, as many from every group, all rows in turn."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebmjax.data.base import DataError
from ebmjax.data.loader import batch_of, epoch_order, make_loader

KEY = jax.random.key(0)


@settings(max_examples=25, deadline=None)
@given(num=st.integers(1, 300), batch=st.integers(1, 64), epoch=st.integers(0, 2**20))
def test_an_epoch_has_no_row_twice(num, batch, epoch):
    if batch > num - 7:  # fewer rows than a batch in some group
        return
    loader = make_loader(num, batch)
    order = np.asarray(epoch_order(loader, KEY, epoch))
    assert order.shape == (loader.batches_per_epoch, batch)
    assert len(np.unique(order)) == order.size
    assert order.min() >= 0 and order.max() < num
    assert num - order.size < batch + loader.num_groups  # what is left out would not fill another batch
    edges = np.arange(loader.num_groups + 1) * num // loader.num_groups
    groups = np.searchsorted(edges, order, side="right") - 1
    expected = np.repeat(np.arange(loader.num_groups), batch // loader.num_groups)
    np.testing.assert_array_equal(groups, np.broadcast_to(expected, groups.shape))


def test_every_row_has_its_turn_and_epochs_differ():
    loader = make_loader(1437, 128)
    orders = [np.asarray(epoch_order(loader, KEY, e)) for e in range(30)]
    counts = np.bincount(np.concatenate([o.ravel() for o in orders]), minlength=1437)
    # Each row is drawn in an epoch with probability 1408 / 1437 = .98: 30 epochs give 29.4 ± .8.
    assert counts.min() >= 25 and counts.max() == 30
    assert np.mean(orders[0] == orders[1]) < 0.05
    np.testing.assert_array_equal(orders[3], epoch_order(loader, KEY, 3))


def test_a_batch_is_scaled_and_indexed():
    arrays = {"x": np.arange(0, 17, dtype=np.uint8).reshape(17, 1, 1, 1), "label": np.arange(17)}
    batch = batch_of(make_loader(17, 4, max_value=16), arrays, np.array([0, 8, 16, 3]))
    np.testing.assert_allclose(batch["x"].ravel(), [-1, 0, 1, -0.625])
    np.testing.assert_array_equal(batch["label"], batch["index"])


@pytest.mark.parametrize("rows", [[2, 5, 11], [[2, 5, 11], [0, 7, 16]]])
def test_of_few_labels_none_comes_with_the_batch_and_some_are_drawn_beside_it(rows):
    x = np.arange(0, 17, dtype=np.uint8).reshape(17, 1, 1, 1)
    arrays = {"x": x, "label": np.arange(17), "labelled": np.asarray(rows)}
    loader = make_loader(17, 16, max_value=16)
    batches = [batch_of(loader, arrays, np.arange(16), KEY, step) for step in (0, 1, 0)]
    assert batches[0].keys() == {"x", "index", "labelled"}
    drawn = [batch["labelled"] for batch in batches]
    label = np.asarray(drawn[0]["label"])
    assert label.shape == (*np.shape(rows)[:-1], 16)
    for found, expected in zip(label.reshape(-1, 16), np.reshape(rows, (-1, 3)), strict=True):
        assert set(found) == set(expected)  # 16 draws miss one of three rows with probability 3 · (2/3)^16 = .005
    np.testing.assert_allclose(drawn[0]["x"][..., 0, 0, 0], label / 8 - 1)
    np.testing.assert_array_equal(drawn[2]["label"], label)
    assert not np.array_equal(drawn[1]["label"], label)


def test_all_labels_known_draws_nothing_beside():
    arrays = {"x": np.zeros((17, 2)), "label": np.arange(17)}
    assert batch_of(make_loader(17, 16), arrays, np.arange(16), KEY).keys() == {"x", "label", "index"}


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(DataError, match="train.batch_size = 64 must be between 1 and the 10 training examples"):
        make_loader(10, 64)
