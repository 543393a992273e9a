"""Ranks, halves, and the shapes in which draws come."""

import re
import warnings

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
SUMMARY = jax.jit(diagnostics.summarise)
PLAIN = jax.jit(
    lambda x: {
        "split_rhat": diagnostics.split_rhat(x),
        "ess_mean": diagnostics.ess_mean(x),
        "nested_rhat": diagnostics.nested_rhat(x, 2),
        "autocorrelation": diagnostics.autocorrelation(x),
        "rank_normalise": diagnostics.rank_normalise(x),
    }
)


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


@pytest.mark.parametrize("name", ["summarise", *STATISTICS])
def test_chains_for_steps_are_noticed(name):
    message = rf"^{name}: more chains \(1000\) than steps \(4\); draws are x\[num_steps, num_chains, ...\]: if "
    with pytest.warns(UserWarning, match=message):
        jax.eval_shape(getattr(diagnostics, name), np.zeros((4, 1000)))


def test_four_stuck_chains_in_the_right_order():
    """The four quarters of N(0, 1) have the means ±1.271, ±.325, so W = .1394, B / N = .9835 and R = √8.05.

    ρ_t = r = B / (N V) at every lag of half-chains of 500 draws: τ = 1 + 991 r and an ESS of 4.60. With the axes
    exchanged R-hat is 1.3 and the ESS 14,000. As many chains as steps are nothing to warn of, nor are the many short
    chains of nested R-hat.
    """
    x = np.random.default_rng(1).normal([-3.0, -1.0, 1.0, 3.0], 0.1, (1000, 4)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = SUMMARY(x)
        # Means of 500 scores of sd .37 have standard errors of .017, W one of 2 %: R one of .03, the ESS one of .01.
        assert abs(found["rhat"] - 2.838) < 0.1 and abs(found["ess_bulk"] - 4.60) < 0.04
        jax.eval_shape(diagnostics.rhat, x[:4])
        jax.eval_shape(lambda x: diagnostics.nested_rhat(x, 8), x.T)


@pytest.mark.parametrize("scale", [1e20, 1e-20, 1e36, 1e-34])
def test_units_do_not_matter(scale):
    """Squares of such draws are infinite or 0 in float32; figures without units are those at scale 1."""
    x = RNG.normal(size=(40, 4)).cumsum(axis=0).astype(np.float32)
    mixed = np.stack([x, x * np.float32(scale)], axis=-1)
    table = SUMMARY(mixed) | PLAIN(mixed)
    for name in ("mean", "sd", "mcse"):
        np.testing.assert_allclose(table[name][1] / scale, table[name][0], rtol=1e-4, err_msg=name)
    for name in set(table) - {"mean", "sd", "mcse"}:
        np.testing.assert_allclose(table[name][..., 1], table[name][..., 0], rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_power_of_two_changes_no_bit():
    x = RNG.normal(5.0, 1.0, size=(40, 4)).astype(np.float32)
    one, other = PLAIN(x), PLAIN(x * np.float32(2.0**70))
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value, err_msg=name)
    unit = draws_module.power_of_two
    assert [float(unit(jnp.float32(v))) for v in (0.0, 1.0, -5.0, 3e38, 1.3e-38)] == [
        1.0,
        1.0,
        4.0,
        2.0**127,
        2.0**-126,
    ]


def test_non_finite_draws_are_never_converged():
    x = RNG.normal(size=(20, 3, 4)).astype(np.float32)
    x[7, 1, :3] = [np.nan, np.inf, -np.inf]
    for name, values in SUMMARY(x).items():
        assert np.all(np.isnan(values[:3])) and np.isfinite(values[3]), name
