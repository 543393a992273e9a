"""Curves: what is read, that thinning loses no spike and no end, and that any values can be drawn."""

import json
import re

import numpy as np
import pytest

from ebmjax.report.curves import MAX_POINTS, Curve, figure, read_curves, thin


def curve(values, steps=None):
    values = np.asarray(values, float)
    return Curve("energy_gap", np.arange(len(values), dtype=float) if steps is None else np.asarray(steps), values)


def ticks(drawn, anchor):
    return re.findall(rf'text-anchor="{anchor}">([^<]*)<', drawn)


def test_broken_lines_are_counted_and_other_entries_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [
        '{"step": 1, "a": 1.5, "name": "x", "b": null}',
        "",
        "[1]",
        '{"a": 1}',
        '{"step": 2, "a": Infinity}',
        '{"st',
    ]
    path.write_text("\n".join(rows))
    (a, b), num_broken = read_curves(path)
    assert num_broken == 3
    np.testing.assert_array_equal(a.steps, [1, 2])
    np.testing.assert_array_equal(a.values, [1.5, np.nan])
    np.testing.assert_array_equal(b.values, [np.nan])
    assert read_curves(tmp_path / "none") == ([], 0)


@pytest.mark.parametrize("num", [1, MAX_POINTS, MAX_POINTS + 1, 1999, 123_457])
def test_thinning_keeps_spikes_gaps_and_the_last_value(num):
    values = np.sin(np.arange(num) / 1000)
    values[num // 2], values[num // 3], values[num // 4] = 50.0, -50.0, np.nan
    values[-3:] = [0.2, 0.3, 0.25][-num:]  # the end is no extreme
    thinned = thin(curve(values))
    assert len(thinned.steps) == min(num, len(thinned.steps)) <= MAX_POINTS
    assert np.all(np.diff(thinned.steps) > 0)
    assert thinned.values[-1] == 0.25 and thinned.steps[-1] == num - 1
    if num > 4:
        assert np.nanmax(thinned.values) == 50.0 and np.nanmin(thinned.values) == -50.0
        assert np.isnan(thinned.values).any()


def test_short_curves_are_drawn_point_by_point():
    drawn = figure(curve([1.0, 3.0, 2.0], steps=[10, 20, 30]))
    (path,) = re.findall(r'class="curve" d="([^"]*)"', drawn)
    x, y = np.array([pair.split() for pair in re.split("[ML]", path)[1:]], float).T
    assert len(x) == 3 and x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert y[1] < y[2] < y[0]  # up is less in SVG
    assert y[0] - y[1] == pytest.approx(2 * (y[0] - y[2]), abs=0.2)
    assert ticks(drawn, "middle") == ["10", "15", "20", "25", "30"]
    assert ticks(drawn, "end") == ["1.0", "1.5", "2.0", "2.5", "3.0"]
    assert "<strong>2.000</strong>" in drawn and drawn.count("<circle") == 1


def test_axes_are_logarithmic_only_for_positive_values_over_decades():
    assert ticks(figure(curve([0.001, 0.1, 10.0])), "end") == ["0.001", "0.01", "0.1", "1", "10"]
    assert ticks(figure(curve([-600, 0.1, 10.0])), "end") == ["−600", "−400", "−200", "0"]


def test_non_finite_values_are_gaps():
    drawn = figure(curve([1.0, 2.0, np.nan, 3.0, np.nan]))
    (path,) = re.findall(r'class="curve" d="([^"]*)"', drawn)
    (gaps,) = re.findall(r'class="gap" d="([^"]*)"', drawn)
    assert path.count("M") == 2 and gaps.count("M") == 2
    assert "<strong>not finite</strong>" in drawn and "<circle" not in drawn
    assert "No finite value" in figure(curve([np.nan]))


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [5.0],
        [1e-30] * 3,
        [0.0, 1e9],
        [-1e15, 1e15],
        [0.12345, 0.1235],
        [1e5, 3e5],
        [-2e-7, 3e-7],
        [1e-300, 1e300],
    ],
)
def test_any_range_can_be_drawn_with_distinct_short_ticks(values):
    drawn = figure(curve(values))
    assert "nan" not in drawn and "inf" not in drawn
    found = ticks(drawn, "end")
    assert 1 <= len(found) <= 9 and len(set(found)) == len(found)
    assert max(map(len, found)) <= 8


def test_names_and_labels_are_escaped():
    assert "<b>" not in figure(Curve("<b>", np.array([1.0]), np.array([1.0])))


def test_a_million_rows_stay_small(tmp_path):
    """Fewer here, for time: what is drawn depends on MAX_POINTS only."""
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": i, "a": (i * 7919) % 1000}) + "\n" for i in range(50_000)))
    (a,), _ = read_curves(path)
    assert len(a.steps) == 50_000
    assert len(figure(a)) < 20 * MAX_POINTS
