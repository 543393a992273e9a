"""Ranks, halves, and the shapes in which draws come."""

import re

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from ebmjax import diagnostics
from ebmjax.diagnostics import draws as draws_module

RNG = np.random.default_rng(0)
SCORES = jax.jit(diagnostics.rank_normalise)
RANKS = jax.jit(draws_module.average_ranks)


@hypothesis.given(hnp.arrays(np.float32, (24,), elements=st.integers(-5, 5).map(float)))
@hypothesis.settings(max_examples=50, deadline=None, derandomize=True)
def test_average_ranks_of_ties(values):
    np.testing.assert_array_equal(RANKS(values), scipy.stats.rankdata(values))


def test_normal_scores():
    x = RNG.standard_cauchy((500, 4)).astype(np.float32)
    x[1::3] = x[:-1:3]
    expected = scipy.stats.norm.ppf((scipy.stats.rankdata(x) - 0.375) / (x.size + 0.25)).reshape(x.shape)
    scores = SCORES(x)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    # Increasing maps keep the ranks, so the scores are the same bit for bit; a decreasing one only turns the sign.
    np.testing.assert_array_equal(SCORES(np.cbrt(x)), scores)
    np.testing.assert_array_equal(SCORES(-x), -scores)


def test_scores_of_many_draws_are_symmetric_in_float32():
    x = np.arange(2**20, dtype=np.float32).reshape(-1, 4)
    scores = np.asarray(SCORES(x))
    np.testing.assert_array_equal(scores, -scores[::-1, ::-1])
    np.testing.assert_allclose(scores[-1, -1], scipy.stats.norm.isf(0.625 / (2**20 + 0.25)), rtol=1e-5)


def test_split_drops_the_middle_draw():
    halves = draws_module.split_chains(jnp.arange(10).reshape(2, 5))
    np.testing.assert_array_equal(halves, [[0, 1], [5, 6], [3, 4], [8, 9]])


STATISTICS = ["rhat", "split_rhat", "ess_bulk", "ess_tail", "ess_mean"]


def test_trailing_axes_and_dtypes():
    function = jax.jit(lambda x: jnp.stack([getattr(diagnostics, name)(x) for name in STATISTICS]))
    x = RNG.normal(size=(20, 3, 2, 2)).astype(np.float32)
    table, one = function(x), function(x[:, :, 1, 0])
    assert table.shape == (5, 2, 2) and one.shape == (5,)
    np.testing.assert_allclose(table[:, 1, 0], one, rtol=1e-5)
    for dtype in (jnp.bfloat16, jnp.int32, bool):
        assert jax.eval_shape(function, jnp.ones((20, 3, 4), dtype)) == jax.ShapeDtypeStruct((5, 4), jnp.float32)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("shape", [(3, 4, 2), (20,)])
def test_too_few_steps_or_axes(name, shape):
    message = f"{name} needs x[num_steps >= 4, num_chains, ...], got shape {shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(diagnostics, name)(np.zeros(shape))


def test_non_finite_draws_are_never_converged():
    x = RNG.normal(size=(20, 3, 4)).astype(np.float32)
    x[7, 1, :3] = [np.nan, np.inf, -np.inf]
    for name, values in jax.jit(diagnostics.summarise)(x).items():
        assert np.all(np.isnan(values[:3])) and np.isfinite(values[3]), name
