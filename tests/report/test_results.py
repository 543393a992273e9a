"""results.json: what of it stands beside what, and which figure that was added later counts."""

import json

from ebmjax.report.commands import words_of
from ebmjax.report.results import OWN, added_figures, beside, merge, write_results

ORIGIN = {"experiment": "toy", "method": "toy", "dataset": "digits", "seed": 3, "num_steps": 30, "command": None}


def test_figures_of_other_arms_stand_beside_the_metric_of_their_name():
    metrics = {"auc": 1.0, "auc_joint": 2.0, "rhat": 3.0}
    baselines = {"pca": {"auc": 5.0, "auc_joint": 6.0}, "data_space": {"rhat": 7.0}, "gan": {"auc": 8.0, "fid": 9.0}}
    assert beside(metrics, baselines) == {
        "auc": {"pca": 5.0, "gan": 8.0},
        "auc_joint": {"pca": 6.0},
        "rhat": {"data_space": 7.0},
        "fid": {"gan": 9.0},  # of no metric of ours: in a row of its own
    }
    assert beside({"auc": 1.0}, {"pca": 5.0, "gan": None}) == {"auc": {}}


def test_tables_are_merged_arm_by_arm():
    tables = {OWN: {"auc": 1.0}, "pca": {"auc": 2.0}}, {"real": {"fid": 3.0}, OWN: {"fid": 4.0}}
    assert merge(*tables) == {OWN: {"auc": 1.0, "fid": 4.0}, "pca": {"auc": 2.0}, "real": {"fid": 3.0}}
    assert tables[0] == {OWN: {"auc": 1.0}, "pca": {"auc": 2.0}}  # what was given is unchanged


def test_what_results_json_holds(tmp_path, capsys):
    """Our figures apart from those of the arms; what `experiments.evaluate` added stays."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"metrics": {"old": 1.0}, "evaluations": [{"name": "fid"}]}))
    write_results(path, ORIGIN, {OWN: {"auc": 1}, "pca": {"auc": 0.12345}}, "by hand", seconds=2.5)
    held = json.loads(path.read_text())
    assert list(held)[:6] == ["experiment", "method", "dataset", "metrics", "baselines", "protocol"]
    assert ORIGIN.items() <= held.items()
    assert held["metrics"] == {"auc": 1.0} and held["baselines"] == {"pca": {"auc": 0.12345}}
    assert held["seconds"] == 2.5 and held["evaluations"] == [{"name": "fid"}]
    assert "0.1235  pca" in capsys.readouterr().out


def test_of_one_name_the_figure_of_most_examples_counts():
    entry = {"name": "fid", "num_steps": 10, "value": 1.0, "counts": {"samples": 9}}
    few, old = entry | {"value": 2.0, "counts": {"samples": 3}}, entry | {"value": 3.0, "num_steps": 5}
    again = entry | {"value": 4.0}
    value = lambda *entries, **results: added_figures({"evaluations": [*entries], **results})["fid"]["value"]
    assert value(entry, few, old, num_steps=10) == 1.0 and value(few, old, entry, again, num_steps=10) == 4.0
    assert value(entry, old) == 1.0  # before the end of the training: the latest
    assert added_figures({"evaluations": [old], "num_steps": 10}) == {}


def test_a_broken_command_has_no_words():
    assert words_of("python -m x '--config.a=(1, 2)'") == ["python", "-m", "x", "--config.a=(1, 2)"]
    assert words_of("an 'open quotation") == words_of(None) == []
