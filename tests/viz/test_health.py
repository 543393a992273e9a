"""Health plots: which panels are drawn, that broken runs can be drawn too, and the correlations of the learning."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ebmjax.viz import health


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.axison]


def rows_of(**metrics):
    return [{"step": 10 * i, **{k: f(i) for k, f in metrics.items()}} for i in range(5)]


def test_groups_known_metrics_and_gives_unknown_ones_a_panel(tmp_path, drawn):
    rows = rows_of(
        energy_pos=float,
        energy_neg=float,
        grad_norm_energy=lambda i: np.float32(i + 1),
        posterior_grad_norm=lambda i: np.array(i + 1.0),
        accuracy=lambda i: i / 5,
        names=lambda i: "a",
        histogram=lambda i: np.ones(3),
    )
    health.plot_health(rows, tmp_path / "health.png", "a run")
    (figure,) = drawn
    expected = ["energy", "gradient norm of the parameters", "energy gradient along the chains", "accuracy"]
    assert titles(figure) == expected
    assert {line.get_label() for line in figure.axes[0].lines} == {"energy_pos", "energy_neg"}
    assert [axis.get_yscale() for axis in figure.axes[:4]] == ["linear", "log", "log", "linear"]
    assert figure.get_suptitle() == "a run"
    assert os.listdir(tmp_path) == ["health.png"]
    assert Image.open(tmp_path / "health.png").format == "PNG"


def test_energy_gap_shows_zero(tmp_path, drawn):
    health.plot_health(rows_of(energy_gap=lambda i: -1.0 - i), tmp_path / "x.png")
    low, high = drawn[0].axes[0].get_ylim()
    assert low < -5 and high >= 0


def test_steps_are_sorted_and_rows_may_lack_metrics(tmp_path, drawn):
    rows = [{"step": 20, "a": 3.0}, {"step": 0, "a": 1.0}, {"step": 10, "b": 2.0}]
    health.plot_health(rows, tmp_path / "x.png")
    line = drawn[0].axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xydata(), [[0, 1], [20, 3]])


def test_non_finite_values_are_gaps_marked_in_red(tmp_path, drawn):
    values = [1.0, float("nan"), float("inf"), None, 0.5]
    health.plot_health(rows_of(reconstruction_mse=lambda i: values[i]), tmp_path / "x.png")
    curve, crosses = drawn[0].axes[0].lines
    np.testing.assert_array_equal(np.isnan(curve.get_ydata()), [False, True, True, True, False])
    assert list(crosses.get_xdata()) == [10, 20, 30] and crosses.get_color() == "red"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_log_panel_without_positive_values_is_linear(tmp_path, drawn, value):
    health.plot_health(rows_of(reconstruction_mse=lambda i: value), tmp_path / "x.png")
    assert drawn[0].axes[0].get_yscale() == "linear"


def test_unknown_metrics_beyond_the_limit_are_named(tmp_path, drawn):
    rows = [{"step": 0, **{name: 1.0 for name in "edcba"}}]
    health.plot_health(rows, tmp_path / "x.png", max_other=3)
    assert titles(drawn[0]) == ["a", "b", "c"]
    assert drawn[0].get_supxlabel() == "not shown: d, e"


@pytest.mark.parametrize(
    ("rows", "message"), [([], "no scalar"), ([{"step": 1, "a": "b"}], "no scalar"), ([{"a": 1.0}], "step")]
)
def test_bad_input_is_refused(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        health.plot_health(rows, tmp_path / "x.png")


def test_learning_counts_both_kinds_of_update(tmp_path, drawn):
    d_s = np.array([-1.0, 1.0, -1.0] * 20)
    health.plot_learning_dynamics(d_s, np.linspace(1, 2, 60), tmp_path / "a.png", title="run")
    assert titles(drawn[0])[0] == "d_s: mean -0.333, 40 expansions (< 0), 20 contractions"
    assert "r_s: mean 1.5" in titles(drawn[0])
    health.plot_learning_dynamics(
        d_s, np.ones(60), tmp_path / "a.png"
    )  # a constant series has no correlation: still drawn
    assert Image.open(tmp_path / "a.png").format == "PNG"


def test_importing_viz_is_light_and_pyplot_is_never_imported():
    code = (
        "import sys, ebmjax.viz; assert not {'matplotlib', 'PIL'} & set(sys.modules);"
        "import ebmjax.viz.health; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
