"""Batches must be invisible: the same rows as in one call, from one trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation import map_batches, sample_in_batches


@pytest.mark.parametrize("num_rows", [1, 4, 7, 8])
def test_same_as_one_call(num_rows):
    x = {"a": np.arange(num_rows * 3.0).reshape(num_rows, 3), "b": jnp.arange(num_rows)}
    fn = jax.jit(lambda x: {"sum": x["a"].sum(axis=1), "twice": (2 * x["b"], x["a"])})
    actual, expected = map_batches(fn, x, 4), fn(x)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(actual))
    jax.tree.map(np.testing.assert_array_equal, actual, jax.tree.map(np.asarray, expected))


def test_one_trace_whatever_the_number_of_rows():
    traces = []

    @jax.jit
    def fn(x):
        traces.append(x.shape)
        return x + 1

    for num_rows in (3, 8, 10, 17):
        assert map_batches(fn, np.zeros((num_rows, 2), np.float32), 8).shape == (num_rows, 2)
    assert traces == [(8, 2)]


def test_a_key_for_each_batch():
    fn = jax.jit(lambda rng_key, x: x + jax.random.normal(rng_key, x.shape))
    noise = map_batches(fn, np.zeros((10, 2), np.float32), 4, rng_key=jax.random.key(0))
    assert len(np.unique(noise)) == 20
    expected = jax.random.normal(jax.random.fold_in(jax.random.key(0), 1), (4, 2))
    np.testing.assert_allclose(noise[4:8], expected, rtol=1e-6)


def test_samples_are_trimmed_and_extend_when_more_are_asked_for():
    fn = jax.jit(lambda rng_key, num: jax.random.normal(rng_key, (num, 3)), static_argnums=1)
    few, many = (sample_in_batches(fn, jax.random.key(0), num, 4) for num in (6, 11))
    assert few.shape == (6, 3) and many.shape == (11, 3)
    np.testing.assert_array_equal(few, many[:6])
    assert len(np.unique(many)) == 33  # no two batches share their noise


@pytest.mark.parametrize(
    ("x", "batch_size", "fn", "message"),
    [
        (np.zeros((0, 2)), 4, lambda x: x, "one N ≥ 1"),
        ((np.zeros(3), np.zeros(4)), 4, lambda x: x, "one N ≥ 1"),
        (np.zeros(3), 0, lambda x: x, "batch_size"),
        (np.zeros(3), 2, lambda x: x.sum(), r"fn must return arrays \[2, ...\]"),
    ],
)
def test_bad_input_of_map_batches_is_refused(x, batch_size, fn, message):
    with pytest.raises(ValueError, match=message):
        map_batches(fn, x, batch_size)


@pytest.mark.parametrize(("num", "batch_size"), [(0, 4), (4, 0), (4, 3)])
def test_bad_input_of_sample_in_batches_is_refused(num, batch_size):
    with pytest.raises(ValueError, match="≥ 1|must return"):
        sample_in_batches(lambda rng_key, size: np.zeros((4, 1)), jax.random.key(0), num, batch_size)
