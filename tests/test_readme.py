"""What the README says is true: its commands are there to be run, its example runs, its links lead somewhere."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_two_commands():
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.M)
    set_up = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e "
    assert commands == [
        set_up + ". && .venv/bin/python -m experiments.latent_ebm",
        set_up + "'.[test]' && .venv/bin/python -m pytest",
    ]


def test_the_library_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(code, "README.md", "exec"), {})
    # Both coordinates sample exp(-2 (x² - 1)²), whose variance is .79; the example prints it and a gradient norm.
    variances = [float(v) for v in re.findall(r"\d\.\d+", capsys.readouterr().out)[:2]]
    assert all(0.6 < v < 0.95 for v in variances), variances


def test_links_lead_somewhere():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_configs_named_exist():
    for path in set(re.findall(r"configs/[\w/]+\.py", README)):
        assert (ROOT / path).exists(), path


def test_the_table_of_commands_is_the_folder():
    """`ls experiments/*.py` and the README's table name the same commands."""
    table = README[README.index("## Methods") :]
    cells = re.findall(r"^\| ([a-z_, ]+) \|", table, re.M)
    named = [name for cell in cells for name in cell.split(", ")]
    there = sorted(path.stem for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")
    assert sorted(named) == there
