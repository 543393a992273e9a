"""The command that puts the runs of a folder on one page."""

import json

import pytest

from experiments import report


def test_the_page_of_a_folder(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "results.json").write_text(json.dumps({"method": name, "metrics": {"mse": 0.125}}))
    out = tmp_path / "out" / "report.html"
    report.main([str(tmp_path / "runs"), "--out", str(out)])
    assert f"wrote {out}: 2 runs" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").count("0.1250") == 2


def test_a_folder_without_runs_is_one_line(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(SystemExit) as stopped:
            report.main([str(folder), "--out", str(tmp_path / "x.html")])
        assert stopped.value.code == 2
        assert "no runs in" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()
