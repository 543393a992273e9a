"""A folder of runs on one page."""

import json

import pytest

from ebmjax.report import overview


def add(folder, method, dataset, seed=0, **results):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"experiment": method, "data": {"name": dataset}, "seed": seed}))
    if results:
        (folder / "results.json").write_text(json.dumps({"method": method, "dataset": dataset, "seed": seed} | results))


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    add(folder / "b" / "mnist", "beta", "mnist")
    add(folder / "a" / "one", "alpha", "digits", 1, metrics={"mse": 0.25}, baselines={"pca": {"mse": 0.5}})
    add(folder / "a" / "zero", "alpha", "digits", 0, metrics={"mse": 0.125}, protocol="as <measured>")
    add(folder / "a" / "zero" / "baselines" / "other", "alpha", "digits", 0)  # belongs to its run
    (folder / "empty").mkdir()
    return folder


def test_runs_are_found_once_and_in_order(runs):
    found = [(run.method, run.dataset, run.seed, run.folder.name) for run in overview.find_runs(runs)]
    expected = [("alpha", "digits", "0", "zero"), ("alpha", "digits", "1", "one"), ("beta", "mnist", "0", "mnist")]
    assert found == expected
    assert [run.folder for run in overview.find_runs(runs / "a" / "one")] == [runs / "a" / "one"]


def test_the_page_shows_every_run(runs, tmp_path):
    assert len(overview.write_overview(runs, tmp_path / "out" / "report.html")) == 3
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "3 runs of 2 methods on 2 data sets." in page
    assert page.count('<td class="more"') == 3 and page.count("No figures yet.") == 1
    assert "0.1250" in page and '<li>0.5000 <span class="soft">pca</span></li>' in page
    assert "as &lt;measured&gt;" in page
    assert page.index("a/zero:") < page.index("a/one:") < page.index("b/mnist:")
    assert str(tmp_path) not in page


def test_published_figures_stand_beside_ours_with_the_difference(runs):
    paper = {"source": "table <1>", "figures": {"mse": 0.2, "fid": 30.0}}
    for place in ("zero", "one"):
        path = runs / "a" / place / "results.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"paper": paper}))
    page = overview.overview(runs, overview.find_runs(runs))
    assert page.count("0.2000") == 2 and page.count("table &lt;1&gt;") == 2
    assert "0.07500" in page and "+0.05000" in page  # .125 and .25 less .2
    assert "30.00" not in page  # no figure of ours to set it beside


def test_figures_that_were_added_later_have_their_row(runs):
    added = [
        {"name": "fid_float", "value": 12.5, "standard_error": None, "counts": {"samples": 9}, "protocol": "float"}
    ]
    add(runs / "c", "gamma", "digits", metrics={"mse": 0.25}, evaluations=added)
    page = overview.overview(runs, overview.find_runs(runs))
    assert "fid_<wbr>float" in page and "12.50" in page and "9 samples" in page


def test_broken_entries_of_added_figures_are_left_out(runs):
    broken = [None, 3, "text", {}, {"name": "fid"}, {"name": "fid", "value": "12.5"}, {"name": None, "value": 1.0}]
    whole = {"name": "kid", "value": 0.0625, "counts": None}
    add(runs / "c", "gamma", "digits", metrics={"mse": 0.25}, evaluations=[*broken, whole])
    for name, evaluations in (("null", None), ("text", "fid"), ("number", 3), ("mapping", {"name": "fid"})):
        add(runs / name, name, "digits", metrics={"mse": 0.25}, evaluations=evaluations)
    page = overview.overview(runs, overview.find_runs(runs))
    table = page[page.index("gamma</th>") :]
    assert "0.06250" in table and "12.50" not in page


def test_many_figures_are_folded_but_for_the_first_and_those_of_a_paper(runs):
    many = {f"auprc_{i}": i / 64 for i in range(12)}
    arms = {"pca": {"auprc_0": 0.5, "auprc_9": 0.75}, "gan": {"other": 0.25}}
    add(runs / "d", "delta", "digits", metrics=many, baselines=arms, paper={"figures": {"auprc_11": 0.2}})
    page = overview.overview(runs, overview.find_runs(runs))
    table, folded = page[page.index("delta</th>") :].split("All figures")
    assert "auprc_<wbr>7" in table and "auprc_<wbr>8" not in table and "auprc_<wbr>11" in table
    assert "0.5000" in table and "0.7500" not in table
    assert "auprc_<wbr>8" in folded and "0.7500" in folded and "other" in folded
