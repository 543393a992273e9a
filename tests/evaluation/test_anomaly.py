"""Areas under the curves against closed forms and quadrature, and the class that is held out."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from ebmjax.evaluation import auprc, auroc, hold_out_class, pca_errors, pca_mse, precision_recall

NUM, SHARE = 40_000, 0.1


def gaussian_scores(shift, seed=0):
    """Normal examples score N(0, 1), anomalies N(shift, 1)."""
    is_anomaly = np.arange(NUM) < SHARE * NUM
    return np.random.default_rng(seed).normal(size=NUM) + shift * is_anomaly, is_anomaly


def exact_auprc(shift):
    """∫ precision dR of the two laws, by quadrature over thresholds."""
    t = np.linspace(-8, 8 + shift, 200_001)
    recall = norm.sf(t - shift)
    precision = SHARE * recall / (SHARE * recall + (1 - SHARE) * norm.sf(t))
    return -np.sum(0.5 * (precision[1:] + precision[:-1]) * np.diff(recall))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_two_gaussians(shift):
    """AUROC = Φ(shift / √2). Of 4,000 anomalies its standard error is at most √(1 / (4 · 4000)) = .008, and the average
    precision's of the same order: precision and recall at any threshold are means over thousands of examples."""
    scores, is_anomaly = gaussian_scores(shift)
    assert auroc(scores, is_anomaly) == pytest.approx(norm.cdf(shift / math.sqrt(2)), abs=0.016)
    for convention in ("step", "trapezoid"):
        assert auprc(scores, is_anomaly, convention) == pytest.approx(exact_auprc(shift), abs=0.016)


def test_random_scores_give_a_half_and_the_share():
    scores, is_anomaly = gaussian_scores(0.0, seed=1)
    assert exact_auprc(0.0) == pytest.approx(SHARE, rel=1e-3)
    assert auroc(scores, is_anomaly) == pytest.approx(0.5, abs=0.016)
    assert auprc(scores, is_anomaly) == pytest.approx(SHARE, abs=0.01)


def test_turning_scores_round():
    scores, is_anomaly = gaussian_scores(0.7)
    for s in (scores, np.round(scores, 1)):  # the second with thousands of ties
        assert auroc(s, is_anomaly) + auroc(-s, is_anomaly) == pytest.approx(1.0, abs=1e-12)
        assert auroc(np.exp(s), is_anomaly) == auroc(s, is_anomaly)  # the order alone counts


def test_ties_count_one_half():
    truth = np.array([True, False, True, False])
    assert auroc(np.array([2.0, 1.0, 1.0, 0.0]), truth) == pytest.approx(0.875)  # 3.5 of 4 pairs
    assert auroc(np.zeros(4), truth) == 0.5
    assert auprc(np.zeros(4), truth) == 0.5  # the share
    # Between the curve's first point (0, 1) and its only other one the trapezoid is an invention.
    assert auprc(np.zeros(4), truth, "trapezoid") == 0.75


def test_best_and_worst_ranking():
    is_anomaly = np.arange(10_000) < 3900
    assert auprc(is_anomaly * 1.0, is_anomaly) == auroc(is_anomaly * 1.0, is_anomaly) == 1.0
    worst = auprc(np.arange(10_000.0), is_anomaly)
    assert worst == pytest.approx(1 + 0.61 * math.log(0.61) / 0.39, abs=1e-3)
    assert worst > 0.22  # so an area of .06 with 39 % of anomalies does not exist


def test_points_of_the_curve():
    recall, precision = precision_recall(np.array([3.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False]))
    assert recall[0] == 0 and recall[-1] == 1 and np.all(np.diff(recall) >= 0)
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize(
    ("scores", "truth", "said"),
    [
        (np.ones(3), np.array([True, True, True]), "needs both kinds of examples"),
        (np.ones(2), np.array([True, False, True]), "expected scores"),
        (np.ones(2), np.array([1, 0]), "expected scores"),
        (np.array([np.nan, 1.0]), np.array([True, False]), "1 of 2 scores are not finite"),
    ],
)
def test_bad_input_is_one_line(scores, truth, said):
    for area in (auroc, auprc):
        with pytest.raises(ValueError, match=said):
            area(scores, truth)


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="known: step, trapezoid"):
        auprc(np.arange(2.0), np.array([True, False]), "linear")


LABELS = np.random.default_rng(0).choice(4, size=1000, p=[0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("label", range(4))
def test_held_out_class(label):
    rows = hold_out_class(LABELS, label)
    normal, held = np.sum(LABELS != label), np.sum(LABELS == label)
    assert not np.any(LABELS[rows.train] == label)
    assert not set(rows.train) & set(rows.test) and len(set(rows.test)) == len(rows.test)
    assert np.array_equal(LABELS[rows.test] == label, rows.is_anomaly)
    assert np.sum(rows.is_anomaly) == held  # all of them
    assert np.sum(~rows.is_anomaly) == normal - int(0.8 * normal)
    assert len(rows.train) == int(0.8 * (1000 - np.bincount(LABELS).max()))  # whatever the label
    natural = rows.is_anomaly[rows.natural]
    assert np.sum(~natural) == np.sum(~rows.is_anomaly)
    assert np.mean(natural) == pytest.approx(held / 1000, abs=1 / 100)  # of 200, rounded to whole examples


def test_the_first_test_rows_are_as_good_as_any():
    rows = hold_out_class(LABELS, 1)
    share, num = np.mean(rows.is_anomaly), len(rows.test) // 2
    error = math.sqrt(share * (1 - share) / num)
    assert np.mean(rows.is_anomaly[:num]) == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize(
    ("label", "fraction", "said"),
    [(4, 0.8, "no example has the label 4"), (-1, 0.8, "no example"), (0, 1.0, "must lie between 0 and 1")],
)
def test_what_cannot_be_held_out(label, fraction, said):
    with pytest.raises(ValueError, match=said):
        hold_out_class(LABELS, label, fraction)
    with pytest.raises(ValueError, match="too few"):
        hold_out_class(np.array([0, 1]), 1)


def test_errors_of_rows_make_the_mean_error():
    x = np.random.default_rng(2).normal(size=(60, 4, 4, 1))
    errors = pca_errors(x[:40], x[40:], 3)
    assert errors.shape == (20,) and np.mean(errors) == pytest.approx(pca_mse(x[:40], x[40:], 3))
    assert np.all(pca_errors(x[:40], x[:3], 16) < 1e-20)
