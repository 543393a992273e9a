"""A folder of runs on one page."""

import json

import pytest

from experiments import report


def add(folder, method, dataset, seed=0, **results):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"experiment": method, "data": {"name": dataset}, "seed": seed}))
    if results:
        (folder / "results.json").write_text(json.dumps({"method": method, "dataset": dataset, "seed": seed} | results))


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    add(folder / "b" / "mnist", "beta", "mnist")
    add(folder / "a" / "one", "alpha", "digits", 1, metrics={"mse": 0.25}, baselines={"mse_pca": 0.5})
    add(folder / "a" / "zero", "alpha", "digits", 0, metrics={"mse": 0.125}, protocol="as <measured>")
    add(folder / "a" / "zero" / "baselines" / "other", "alpha", "digits", 0)  # belongs to its run
    (folder / "empty").mkdir()
    return folder


def test_runs_are_found_once_and_in_order(runs):
    found = [(run.method, run.dataset, run.seed, run.folder.name) for run in report.find_runs(runs)]
    expected = [("alpha", "digits", "0", "zero"), ("alpha", "digits", "1", "one"), ("beta", "mnist", "0", "mnist")]
    assert found == expected
    assert [run.folder for run in report.find_runs(runs / "a" / "one")] == [runs / "a" / "one"]


def test_the_page_shows_every_run(runs, tmp_path, capsys):
    report.main([str(runs), "--out", str(tmp_path / "out" / "report.html")])
    assert "3 runs" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "3 runs of 2 methods on 2 data sets." in page
    assert page.count('<td class="more"') == 3 and page.count("No figures yet.") == 1
    assert "0.1250" in page and '<li>0.5000 <span class="soft">pca</span></li>' in page
    assert "as &lt;measured&gt;" in page and "paper" not in page.split("</style>")[1]
    assert page.index("a/zero:") < page.index("a/one:") < page.index("b/mnist:")
    assert str(tmp_path) not in page


def test_published_figures_stand_beside_ours(runs):
    published = {("alpha", "digits"): {"mse": 0.2, "fid": 30.0}, ("beta", "digits"): {"mse": 0.9}}
    page = report.overview(runs, report.find_runs(runs), published)
    assert page.count('0.2000 <span class="soft">paper</span>') == 2
    assert page.count('30.00 <span class="soft">fid_<wbr>paper</span>') == 2
    assert "0.9000" not in page


def test_a_folder_without_runs_is_one_line(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(SystemExit) as stopped:
            report.main([str(folder), "--out", str(tmp_path / "x.html")])
        assert stopped.value.code == 2
        assert "there are no runs in" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()
