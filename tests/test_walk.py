"""From the command line to Langevin's equation: few files and calls, and no long functions or lists of parameters."""

import ast
import sys
import traceback
from pathlib import Path

import pytest

import ebmjax.mcmc.langevin  # noqa: F401
from ebmjax.training import cli
from experiments.latent_ebm import EXPERIMENT

ROOT = Path(__file__).parents[1]
MAX_FILES, MAX_FRAMES, MAX_PARAMETERS, MAX_LINES = 7, 12, 6, 60


class Found(Exception):
    """Carries the stack out of the run."""


def test_from_the_command_line_to_the_equation(monkeypatch, tmp_path):
    def stop(potential, proposal, position):
        stack = [frame for frame in traceback.extract_stack() if frame.filename.startswith(f"{ROOT}/e")]
        if any(frame.name == "chunk" for frame in stack):  # the training; before it, shapes alone are asked for
            raise Found([(frame.filename, frame.name) for frame in stack])
        return original(potential, proposal, position)

    langevin = sys.modules["ebmjax.mcmc.langevin"]  # the package's attribute of that name is the function
    original = langevin.evaluate_proposal
    monkeypatch.setattr(langevin, "evaluate_proposal", stop)
    config = f"--config={ROOT}/configs/latent_ebm/digits.py:smoke"
    with pytest.raises(Found) as found:
        cli.main(EXPERIMENT, ["latent_ebm", config, f"--workdir={tmp_path}"])
    (stack,) = found.value.args
    files = dict.fromkeys(name for name, _ in stack)
    # The first frame of a command is its own file's, which the test is not.
    assert [name for _, name in stack][:2] == ["main", "run"] and stack[-1][1] == "step"
    assert len(files) + 1 <= MAX_FILES, list(files)
    assert len(stack) + 1 <= MAX_FRAMES, stack


def functions(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    yield path.relative_to(ROOT), node


def test_no_function_of_the_training_path_takes_many_parameters():
    wrong = []
    for path, node in functions("ebmjax/training", "experiments"):
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        if len([name for name in names if name not in ("self", "cls")]) > MAX_PARAMETERS:
            wrong.append(f"{path}:{node.lineno} {node.name}: {len(names)} parameters")
    assert not wrong, "\n".join(wrong)


def test_functions_are_a_screen_long():
    length = lambda node: node.end_lineno - node.lineno + 1
    found = functions("ebmjax/training", "ebmjax/report", "ebmjax/viz", "experiments")
    wrong = [f"{path}:{node.lineno} {node.name}" for path, node in found if length(node) > MAX_LINES]
    assert not wrong, "\n".join(wrong)
