"""docs/experiments.md: every command of the page is read by its own command line, and its method is built.

"kept" in the last column means that docs/runs has the figures of this very command, whatever its seed.
"""

import importlib
import json
import shlex
from pathlib import Path

import pytest

from ebmjax.training.arguments import parse
from ebmjax.training.config import check_limits
from ebmjax.training.settings import to_settings
from experiments import MODULES, find, sweep
from tests.experiments.test_configs import UNTRAINED, build_method, data_spec, default_config, load_module

ROOT = Path(__file__).parents[2]
HEAD = "| table or figure | command | settings | ran here |"
PREFIX = "python -m experiments."


def table_rows():
    """[(table or figure, command, settings, ran here)] of the whole page."""
    lines = (ROOT / "docs" / "experiments.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("table or figure", "---")]


ROWS = table_rows()
COMMANDS = sorted({row[1].strip("`") for row in ROWS})


def words_of(command):
    """(name, argv) of a command line."""
    name, *words = shlex.split(command.removeprefix(PREFIX))
    return name, [name, *words]


def build_at_its_data(experiment, config, source):
    """The method at the shape of its data; of a user's own file, at that of the data in the config's file."""
    own = load_module(Path(source.partition(":")[0]).resolve().relative_to(ROOT).as_posix()).get_config().lock()
    shaped = own if config.data.name == "npz:FILE" else config
    build_method(experiment, config, data_spec(experiment, shaped), traced=False)


def check_trained(name, argv):
    """The config of the command, with its overrides, builds its method at the shape of its data."""
    parsed = parse(argv, str(ROOT / default_config(name)))
    if name in UNTRAINED:
        check_limits(parsed.config, importlib.import_module(f"experiments.{name}").LIMITS)
        return
    experiment = find(name)
    experiment.check(parsed.config)
    to_settings(parsed.config)
    build_at_its_data(experiment, parsed.config, parsed.source)


def same_run(command):
    """The command without its seed, in the order of its words: equal for two seeds of one run."""
    name, argv = words_of(command)
    config = [word for word in argv[1:] if word.startswith("--config=")] or [f"--config={default_config(name)}"]
    rest = [word for word in argv[1:] if not word.startswith(("--config=", "--config.seed="))]
    return name, *config, *sorted(rest)


def test_the_page_has_six_papers():
    page = (ROOT / "docs" / "experiments.md").read_text()
    assert page.count(HEAD) >= 6 and len(ROWS) > 40
    assert all(len(row) == 4 and all(row) for row in ROWS), [row for row in ROWS if len(row) != 4 or not all(row)]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_read(command):
    assert command.startswith(PREFIX)
    name, argv = words_of(command)
    assert name in MODULES
    if name == "sweep":
        assert sweep.plan(*sweep.read_arguments(argv[1:]))
    elif name not in ("evaluate", "report", "tables"):
        parse(argv, str(ROOT / default_config(name)))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_builds_its_method(command):
    name, argv = words_of(command)
    if name == "sweep":
        arguments, rest = sweep.read_arguments(argv[1:])
        for job in sweep.plan(arguments, rest):
            experiment = find(arguments.experiment)
            build_method(experiment, job.config, data_spec(experiment, job.config), traced=False)
    elif name not in ("evaluate", "report", "tables"):
        check_trained(name, argv)


def test_kept_is_said_of_kept_runs_alone():
    kept = {same_run(json.loads(path.read_text())["command"]) for path in (ROOT / "docs" / "runs").glob("*/*.json")}
    wrong = []
    for _, command, _, ran in ROWS:
        command = command.strip("`")
        if words_of(command)[0] not in ("evaluate", "report", "tables", "sweep"):
            there = same_run(command) in kept
            wrong += [f"{command}: {'kept' if there else 'not kept'}"] if ran.startswith("kept") != there else []
    assert not wrong, "\n".join(wrong)
