"""Sweeps: which commands, which table, and that one that was stopped goes on. Runs are replaced by what they write."""

import json

import pytest

from ebmjax.training.config import to_json
from experiments import sweep


def pretend(code=0, calls=None):
    """A stand-in for a run: writes the results of its seed; seed 1 ends with `code`."""

    def run(job):
        if calls is not None:
            calls.append(job)
        if code and job.config.seed == 1:
            return code
        job.workdir.mkdir(parents=True)
        (job.workdir / "config.json").write_text(to_json(job.config))
        figures = {"metrics": {"mse": job.config.seed + job.config.model.sigma}, "baselines": {"pca": {"mse": 0.5}}}
        (job.workdir / "results.json").write_text(json.dumps(figures | {"num_steps": job.config.train.num_steps}))
        return 0

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def test_commands(here):
    words = [
        "latent_ebm",
        "--seeds",
        "0",
        "1",
        "--vary",
        "model.sigma",
        "0.1",
        "0.2",
        "--",
        "--config.train.num_steps=50",
    ]
    jobs = sweep.plan(*sweep.read_arguments(words))
    assert [job.command[2:] for job in jobs] == [
        ["experiments.latent_ebm", "--config.train.num_steps=50", f"--config.model.sigma={s}", f"--config.seed={i}"]
        for s in (0.1, 0.2)
        for i in (0, 1)
    ]
    assert len({job.workdir for job in jobs}) == 4
    assert [job.setting for job in jobs] == ["model.sigma=0.1"] * 2 + ["model.sigma=0.2"] * 2


def test_table_and_again(here, capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(sweep, "run", pretend(calls=calls))
    words = ["latent_ebm", "--seeds", "0", "2", "--vary", "model.sigma", "0.1", "0.2"]
    assert sweep.main(words) == 0
    said = capsys.readouterr().out
    assert "1.1 ± 1.4" in said and "1.2 ± 1.4" in said and "model.sigma=0.1 (n = 2)" in said and "0.5 ± 0" in said
    assert sweep.main(words) == 0 and len(calls) == 4
    assert capsys.readouterr().out.count("done already") == 4


def test_a_failure_is_named_and_the_others_go_on(here, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "run", pretend(code=1))
    assert sweep.main(["latent_ebm", "--seeds", "0", "1", "2"]) == 1
    said = capsys.readouterr()
    assert "(n = 2)" in said.out
    assert said.err.strip() == "failed: python -m experiments.latent_ebm --config.seed=1"


def test_stopped(here, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "run", pretend(code=130))
    assert sweep.main(["latent_ebm", "--seeds", "0", "1", "2"]) == 130
    assert "run the same sweep again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, expected",
    [
        (["latent_ebmm"], "unknown experiment 'latent_ebmm'; did you mean 'latent_ebm'"),
        (["latent_ebm", "--vary", "model.sigma"], "give at least one value"),
        (["latent_ebm", "--vary", "model.sigm", "1"], "did you mean --config.model.sigma"),
        (["latent_ebm", "--", "--workdir=x"], "leave out --workdir"),
    ],
)
def test_bad_input(words, expected, here, capsys):
    assert sweep.main(words) == 2
    assert expected in capsys.readouterr().err


def test_results_of_another_config_are_refused(here, capsys, monkeypatch):
    monkeypatch.setattr(sweep, "run", pretend())
    assert sweep.main(["latent_ebm"]) == 0
    (path,) = here.glob("runs/*/*/config.json")
    path.write_text(path.read_text().replace('"sigma": 0.1', '"sigma": 0.3'))
    assert sweep.main(["latent_ebm"]) == 2
    assert "model.sigma: 0.3 there, 0.1 now" in capsys.readouterr().err
