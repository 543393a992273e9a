"""docs/results.md and the cards: what is kept of a run, how seeds are joined, and that they are fresh."""

import json

import pytest

from ebmjax.report import commands
from experiments import tables

COMMAND = "python -m experiments.abp --config=configs/abp/digits.py"


def results(seed=0, command=COMMAND, **changes):
    base = {"experiment": "abp", "method": "abp", "dataset": "digits", "metrics": {"test_mse": 0.1 + 0.1 * seed}}
    base |= {
        "baselines": {"pca": {"test_mse": 0.5}, "other": {"test_mse": 0.25}},
        "protocol": "as measured",
        "seed": seed,
    }
    base |= {"num_steps": 1500, "seconds": 60.0, "evaluation_seconds": 30.0, "commit": "0123456789", "versions": {}}
    return base | {"command": command + (f" --config.seed={seed}" if seed else ""), "pictures": {}} | changes


@pytest.fixture
def docs(tmp_path, monkeypatch):
    for name, path in (("ROOT", ""), ("RUNS", "runs"), ("METHODS", "methods"), ("RESULTS", "results.md")):
        monkeypatch.setattr(tables, name, tmp_path / path)
    monkeypatch.setattr(tables, "CLAIMS", tmp_path / "claims.md")
    (tmp_path / "claims.toml").write_text("claim = []\n")
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "abp.md").write_text(f"# ABP\n\n`experiments.abp`\n{tables.BEGIN}\n{tables.END}\nEnd.\n")
    return tmp_path


def write(folder, **changes):
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results(**changes)))
    return folder


def test_runs_are_kept_and_joined_over_seeds(docs, capsys):
    runs = [write(docs / "work" / str(seed), seed=seed) for seed in (0, 1)]
    assert tables.main(["--add", *map(str, runs)]) == 0
    assert {p.name for p in (docs / "runs" / "abp").iterdir()} == {"digits-0.json", "digits-1.json"}
    page, card = (docs / "results.md").read_text(), (docs / "methods" / "abp.md").read_text()
    row = "| test_mse | 0.15 ± 0.071 |  | 0.5 pca; 0.25 other |"
    assert row in card and card.endswith(f"{tables.END}\nEnd.\n")
    assert "Seeds 0, 1; 1,500 iterations, 1.5 wall minutes" in card.replace("± 0 ", "") and "commit 0123456" in card
    assert f"`{COMMAND}`" in card
    assert "| abp: digits | 0, 1 | 1,500 | 0123456 | [abp](methods/abp.md) |" in page
    assert tables.main(["--check"]) == 0
    (docs / "methods" / "abp.md").write_text(card.replace("0.15 ±", "0.05 ±"))
    assert tables.main(["--check"]) == 1
    assert "abp.md is stale: run python -m experiments.tables" in capsys.readouterr().err


def test_accelerators_and_the_time_of_baselines_are_told():
    gpu = results(baseline_seconds=30.0, machine="1 x NVIDIA H200, x86_64")
    told = "1,500 iterations, 2 wall minutes of training, baselines and evaluation, on 1 x NVIDIA H200; commit"
    assert told in tables.conditions([gpu])
    cpu = results(seed=1, machine="1 x cpu, x86_64")  # one of a group does not say what its baselines took
    told = "1.5 wall minutes of training and evaluation, on 1 x NVIDIA H200 and 1 x cpu; commit"
    assert told in tables.conditions([gpu, cpu])
    assert "1.5 wall minutes of training and evaluation; commit" in tables.conditions([cpu])


def test_a_run_that_was_stopped_says_of_how_many_steps():
    assert "1,500 of 9,000 iterations" in tables.conditions(
        [results(command=f"{COMMAND} --config.train.num_steps=9000")]
    )
    assert " 1,500 iterations" in tables.conditions([results(command=f"{COMMAND} --config.train.num_steps=1500")])


def test_what_only_a_machine_knows_is_left_out(docs):
    command = f"{COMMAND} --config.data.name=lines:/home/me/data/a.txt --config.seed=3"
    run = write(docs / "work", command=command, protocol="of /tmp/x/y.npz", dataset="lines:/home/me/data/a.txt")
    kept = json.loads(tables.keep(run).read_text())
    assert kept["command"].endswith("--config.data.name=lines:a.txt --config.seed=3")
    assert kept["protocol"] == "of y.npz" and kept["dataset"] == "lines:a.txt" and "pictures" not in kept
    assert commands.label_of(kept["command"]) == ("digits-data.name=a.txt", 3)


def test_no_run_takes_the_place_of_another(docs, capsys):
    """Variants and fields of the same last name are told apart; what still falls together is refused."""
    of = lambda words: commands.label_of(f"{COMMAND}{words}")[0]
    names = [of(""), of(":smoke"), of(" --config.a.rate=1"), of(" --config.b.rate=1")]
    assert names == ["digits", "digits-smoke", "digits-a.rate=1", "digits-b.rate=1"]
    one, other = (write(docs / name, command=f"{COMMAND} --config.x=a/{name}.txt") for name in ("p", "q"))
    tables.keep(one)
    (docs / "q" / "results.json").write_text(json.dumps(results(command=f"{COMMAND} --config.x=b/p.txt")))
    assert tables.main(["--add", str(other)]) == 2 and "holds another run" in capsys.readouterr().err


def test_added_figures_bring_their_protocol(docs):
    """Of the last step alone, and of one name the one of most samples; of fewer seeds with their number."""
    entry = {"name": "fid_float", "num_steps": 1500, "protocol": "protocol 'float'", "counts": {"samples": 50_000}}
    few = entry | {"counts": {"samples": 100}, "value": 90.0}
    old = entry | {"num_steps": 10, "value": 500.0}
    runs = [write(docs / "0", evaluations=[entry | {"value": 40.0}, few, old]), write(docs / "1", seed=1)]
    assert tables.main(["--add", *map(str, runs)]) == 0
    page = (docs / "methods" / "abp.md").read_text()
    assert "| fid_float | 40 (n = 1) |" in page and "fid_float: protocol 'float'; 50,000 samples." in page


def test_a_card_may_be_of_one_method(docs):
    """Cards of VERA and JEM share a command: each has the tables of its own method."""
    for name in ("vera", "jem"):
        text = f"Run by `experiments.vera` with config.method = {name}.\n{tables.BEGIN}\n{tables.END}\n"
        (docs / "methods" / f"{name}.md").write_text(text)
        command = f"python -m experiments.vera --config=configs/vera/{name}.py"
        run = write(docs / f"of_{name}", experiment="vera", method=name, command=command)
        assert tables.main(["--add", str(run)]) == 0
    for name, other in (("vera", "jem"), ("jem", "vera")):
        card = (docs / "methods" / f"{name}.md").read_text()
        assert f"#### {name}\n" in card and f"#### {other}\n" not in card


def test_papers_stand_beside_figures_of_their_name(docs):
    paper = {"source": "A. 2020, table 1", "protocol": "10 images", "data": ["digits"], "figures": {"test_mse": 0.3}}
    assert tables.main(["--add", str(write(docs / "0", paper=paper))]) == 0
    card = (docs / "methods" / "abp.md").read_text()
    assert "| test_mse | 0.1 | 0.3 |" in card and "Paper: A. 2020, table 1; 10 images." in card


def test_results_without_a_card_are_refused(docs, capsys):
    run = write(docs / "work", experiment="flow", command="python -m experiments.flow --config=configs/flow/a.py")
    assert tables.main(["--add", str(run)]) == 2
    assert "('flow', 'a')" in capsys.readouterr().err


def test_what_cannot_be_repeated_is_not_kept(docs, capsys):
    dirty, unknown = write(docs / "dirty", commit="01-dirty"), write(docs / "unknown", command="x")
    (unknown / "results.json").write_text(json.dumps(results() | {"command": None}))
    earlier = write(docs / "earlier", baselines={"pca_mse": 0.5})
    for run, said in (
        (earlier, "evaluate the run again with --mode=evaluate"),
        (dirty, "uncommitted changes"),
        (unknown, "has no command that repeats the run"),
        (docs, "holds no results"),
    ):
        assert tables.main(["--add", str(run)]) == 2
        assert said in capsys.readouterr().err


def test_the_committed_pages_are_fresh(capsys):
    assert tables.main(["--check"]) == 0, capsys.readouterr().err
