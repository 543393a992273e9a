"""Averages of importance weights: known tails, coverage of two standard errors, edges."""

import json

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.importance import average_weights, kish_ess, pareto_k
from ebmjax.report.results import marked, print_table
from experiments.measure.estimates import estimate_figures, over_examples

AVERAGE = jax.jit(average_weights)


@pytest.fixture(scope="module")
def normals():
    """N(0, 1), 10,000 draws in each of 100 runs."""
    return jax.random.normal(jax.random.key(0), (10_000, 100))


@pytest.mark.parametrize("shape", [0.2, 0.7, 1.3])
def test_shape_of_a_pareto_law(shape):
    """w = u^-k with u ~ U(0, 1): the tail is generalised Pareto of shape k; of 300 points k̂ has sd (1 + k) / √300."""
    u = np.random.default_rng(0).uniform(size=10_000)
    assert abs(pareto_k(jnp.asarray(-shape * np.log(u), jnp.float32)) - shape) < 3 * (1 + shape) / np.sqrt(300)


@pytest.mark.parametrize("num", [30, 333, 10_000])
def test_the_fit_is_arvizs(num):
    log_weights = 1.5 * np.random.default_rng(num).normal(size=(num, 3)).astype(np.float32)
    theirs = [arviz.psislw(row.astype(float))[1] for row in log_weights.T]
    np.testing.assert_allclose(pareto_k(jnp.asarray(log_weights)), theirs, atol=2e-4)


def test_two_errors_cover_where_there_is_an_error(normals):
    """E[exp(a v)] = exp(a² / 2), of a tilt a·z of any dimension. Where an error is shown, 9 of 10 cover; past a = 3
    none is, for the error stays near 1 while the estimate is off by nats."""
    shown = {}
    for a in (1.0, 1.5, 2.0, 3.0, 5.0, 8.0):
        found = AVERAGE(a * normals)
        known = np.isfinite(found.standard_error)
        covered = np.abs(found.log_mean - a**2 / 2) < 2 * found.standard_error
        shown[a] = known.mean()
        # 100 runs: .9 less two binomial errors of .03
        assert known.sum() < 10 or np.mean(covered[known]) > 0.84
    assert shown[1.0] == shown[1.5] == 1 and shown[2.0] > 0.7
    assert max(shown[a] for a in (3.0, 5.0, 8.0)) <= 0.01
    assert np.mean(AVERAGE(8 * normals).log_mean) < 32 - 8


def test_edges():
    equal = AVERAGE(jnp.full((40, 2), 3.0))
    np.testing.assert_allclose(equal.log_mean, 3.0, rtol=1e-6)
    assert np.all(equal.standard_error == 0) and np.all(equal.pareto_k == 0)
    np.testing.assert_allclose(equal.ess, 40, rtol=1e-5)
    few = AVERAGE(jnp.arange(20.0))
    assert np.isinf(few.pareto_k) and np.isinf(few.standard_error) and np.isfinite(few.log_mean)
    assert np.isnan(AVERAGE(jnp.zeros(100).at[3].set(jnp.nan)).log_mean)
    assert np.isnan(pareto_k(jnp.zeros(100).at[3].set(jnp.nan)))
    half = AVERAGE(jnp.where(jnp.arange(100) < 50, -jnp.inf, 0.0))  # half of the weights are 0
    assert half.log_mean == pytest.approx(np.log(0.5), rel=1e-5) and half.ess == pytest.approx(50, rel=1e-5)
    assert half.standard_error == pytest.approx(np.sqrt(0.25 * 100 / 99) / 0.5 / 10, rel=1e-5)
    assert AVERAGE(jnp.zeros(1)).log_mean == 0


def test_an_unreliable_figure_is_marked_and_has_no_error(normals, tmp_path, capsys):
    sharp, flat = (estimate_figures("log_z", AVERAGE(a * normals[:, 0])) for a in (5.0, 1.0))
    assert set(flat) == {"log_z", "log_z_error", "log_z_ess", "log_z_pareto_k"} == set(sharp) | {"log_z_error"}
    assert marked("4.1", "log_z", sharp) == "4.1 †" and marked("4.1", "log_z", flat) == "4.1"
    # 150 quantiles of a Pareto law of shape .7: k̂ = .62 is below .7, but past their limit, 1 - 1 / log10(150) = .54.
    few = estimate_figures("log_z", AVERAGE(-0.7 * jnp.log((jnp.arange(150) + 0.5) / 150)))
    assert 0.54 < few["log_z_pareto_k"] < 0.7 and "log_z_error" not in few and marked("4.1", "log_z", few) == "4.1 †"
    many = over_examples("nll", AVERAGE(jnp.concatenate([5 * normals[:, :30], normals[:, :90]], axis=1)))
    assert many["nll_unreliable"] == 0.25 and marked("2", "nll", many) == "2 †"
    results = {"experiment": "x", "dataset": "y", "seed": 0, "metrics": sharp, "baselines": {"flow": flat}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    print_table(tmp_path / "results.json")
    row = next(line for line in capsys.readouterr().out.splitlines() if " log_z " in line)
    assert "†" in row.split("│")[2] and "†" not in row.split("│")[3]


def test_kish_of_extreme_weights():
    np.testing.assert_allclose(kish_ess(np.full(7, 300.0)), 7, rtol=1e-5)
    np.testing.assert_allclose(kish_ess(np.array([-np.inf, 5.0, -np.inf])), 1, rtol=1e-5)
    np.testing.assert_allclose(kish_ess(np.log([1.0, 2.0, 3.0])), 36 / 14, rtol=1e-5)
    assert np.isnan(kish_ess(np.array([-np.inf, -np.inf])))
    assert kish_ess(np.zeros((5, 3)), axis=1).shape == (5,)


@pytest.mark.parametrize("delta", [0.5, 1.0])
def test_kish_of_shifted_gaussians(delta):
    """q = N(0, 1), p = N(δ, 1): E[w]² / E[w²] = exp(-δ²)."""
    x = np.random.default_rng(4).normal(size=400_000)
    efficiency = kish_ess((delta * x - delta**2 / 2).astype(np.float32)) / x.size
    # Var[w²] = e^{6δ²} - e^{2δ²}: relative s.e. of the mean of w² at δ = 1 is √(e⁴ - 1) / 632 = 1.2 %.
    np.testing.assert_allclose(efficiency, np.exp(-(delta**2)), rtol=0.05)
