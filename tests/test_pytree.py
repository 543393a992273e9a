"""How normals are laid out must not change what they are, and rows that are not finite must be found."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree

KEY = jax.random.key(0)


@pytest.mark.parametrize("shape", [(1000,), (1000, 3), (2000, 100)])
def test_layouts_of_every_platform_draw_the_same_numbers(shape):
    """One core of a CPU, several devices, an accelerator: three programs, one set of values."""
    draw = lambda: np.asarray(pytree.normal_like(KEY, jnp.zeros(shape)))
    here = draw()
    with mock.patch.object(jax, "device_count", lambda: 8):
        np.testing.assert_array_equal(draw(), here)
    with mock.patch.object(jax, "default_backend", lambda: "gpu"):
        np.testing.assert_array_equal(draw(), here)


def test_large_draws_are_independent_normals():
    """200,000 numbers in 64 blocks. Moments within 4 standard errors; no value twice among neighbouring blocks."""
    x = np.asarray(pytree.normal_like(KEY, jnp.zeros((2000, 100))), np.float64).reshape(64, -1)
    n = x.size
    assert n >= pytree.LARGE_DRAW
    assert abs(x.mean()) < 4 / n**0.5
    assert abs(x.var() - 1) < 4 * (2 / n) ** 0.5
    assert abs((x**4).mean() - 3) < 4 * (96 / n) ** 0.5
    assert np.abs(np.mean(x[1:] * x[:-1])) < 4 / (n * 63 / 64) ** 0.5  # blocks are not correlated with each other


def test_large_draws_without_common_blocks_fall_back_to_one():
    assert pytree.normal_like(KEY, jnp.zeros(131_073)).shape == (131_073,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("width", [2, 20])  # short and long rows are looked at in different ways
def test_rows_with_one_bad_entry_are_found(bad, width):
    x = np.full((4, 3, width), 1e38, np.float32)  # finite, though its square is not
    x[2, 1, 0] = bad
    np.testing.assert_array_equal(pytree.finite_rows((jnp.zeros(4), jnp.asarray(x))), [True, True, False, True])


def test_spread_is_over_the_rows():
    """A layer whose rows are 0 and 2 (sd 1) in three entries, one whose rows differ only within (sd 0) in one."""
    tree = {"a": jnp.array([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]), "b": jnp.array([[5.0], [5.0]])}
    np.testing.assert_allclose(pytree.spread(tree), 0.75)
