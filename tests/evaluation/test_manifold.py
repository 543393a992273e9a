"""Precision, recall, density and coverage: by hand, their expectations, and blocks that change nothing."""

import numpy as np
import pytest

from ebmjax.evaluation.coverage import density_coverage


def test_by_hand():
    """Reals 0, 1, 3 with k = 1: balls of radius 1, 1, 2. Fakes .5, 6, 6.1: the balls of the latter have radius .1."""
    found = density_coverage([[0.0], [1.0], [3.0]], [[0.5], [6.0], [6.1]], num_neighbours=1)
    # .5 lies in the balls of 0 and 1 (and not in that of 3, which reaches to 1); its own reaches to 6.
    assert found == {"precision": 1 / 3, "recall": 1.0, "density": 2 / 3, "coverage": 2 / 3}


def test_expectations_under_one_law():
    """Density 1, coverage 1 - (N - 1)(N - 2) / (M + N - 1)(M + N - 2) for k = 2, whatever the law."""
    num_real, num_fake, random = 60, 40, np.random.default_rng(0)
    runs = [
        density_coverage(random.normal(size=(num_real, 3)), random.normal(size=(num_fake, 3)), num_neighbours=2)
        for _ in range(200)
    ]
    for name, expected in (("density", 1.0), ("coverage", 1 - 59 * 58 / (99 * 98))):
        values = [run[name] for run in runs]
        assert abs(np.mean(values) - expected) < 4 * np.std(values, ddof=1) / np.sqrt(len(runs)), name


def test_blocks_change_nothing_and_a_collapsed_sampler_is_seen():
    random = np.random.default_rng(1)
    real, fake = random.normal(size=(53, 2)), random.normal(size=(31, 2))
    assert density_coverage(real, fake, block=7) == density_coverage(real, fake)
    collapsed = density_coverage(real, np.repeat(real[:1], 31, axis=0) + 1e-3 * fake)
    assert collapsed["precision"] == 1.0 and collapsed["coverage"] < 0.5 and collapsed["recall"] < 0.05


def test_refusals():
    with pytest.raises(ValueError, match="5 neighbours need more points"):
        density_coverage(np.zeros((5, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="expected real"):
        density_coverage(np.zeros((9, 2)), np.zeros((9, 3)))
