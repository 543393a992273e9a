"""Imports go one way (docs/design.md): checked on the syntax tree of every file."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ebmjax

PACKAGE = Path(__file__).parents[1] / "ebmjax"
LAYERS = [
    {"types"},
    {"pytree"},
    {"energies", "nets", "data"},
    {"flows"},
    {"mcmc", "objectives"},
    {"diagnostics", "evaluation"},
    {"methods"},
    {"viz"},
    {"training"},
]
RANK = {name: i for i, layer in enumerate(LAYERS) for name in layer}
# Third-party modules that stay out of the mathematics, so that it can be read and used without them.
PURE = {"energies", "mcmc", "objectives", "types", "pytree", "diagnostics"}
NOT_IN_PURE = {"flax", "optax", "distrax", "absl", "ml_collections", "matplotlib", "orbax", "tensorflow"}
# Config objects stop in experiments/ and in these files.
CONFIG_FILES = {f"training/{name}.py" for name in ("config", "experiment", "reproduce", "run", "settings", "workdir")}

FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{a.name}" if node.module == "ebmjax" else node.module for a in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    own = part_of(path)
    if own == "__init__":
        return
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"experiments", "configs", "benchmarks", "tests"}, f"{path} imports {name}"
        if top == "ebmjax":
            other = name.split(".")[1]
            assert other == own or RANK[other] < RANK[own], f"{own} must not import {other}: {path}"
        if own in PURE:
            assert top not in NOT_IN_PURE, f"{path} imports {name}"
        if top in {"ml_collections", "absl"}:
            assert str(path.relative_to(PACKAGE)) in CONFIG_FILES, f"{path} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "methods").glob("*.py")), ids=lambda p: p.name)
def test_methods_stand_alone(path):
    shared = {"base", "data_space", "encoded", "entropy_sampler", "latent_space", "tilted_flow"}
    allowed = shared if path.name != "__init__.py" else {p.stem for p in path.parent.glob("*.py")}
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["ebmjax", "methods"]:
            assert len(parts) > 2 and parts[2] in allowed, f"{path} imports the method {name}"
        assert parts[:2] not in (["ebmjax", "data"], ["ebmjax", "training"]), f"{path} imports {name}"


def test_every_package_has_a_layer():
    assert {part_of(p) for p in FILES} - {"__init__"} <= set(RANK)


def test_every_package_is_an_attribute():
    packages = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert packages <= set(dir(ebmjax)), packages - set(dir(ebmjax))


def test_import_is_light():
    code = (
        "import sys, ebmjax, ebmjax.mcmc, ebmjax.energies, ebmjax.objectives, ebmjax.data, ebmjax.viz;"
        "bad = {'tensorflow', 'matplotlib', 'flax', 'tensorflow_datasets', 'distrax', 'sklearn'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
