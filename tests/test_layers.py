"""Imports go one way (docs/design.md): checked on the syntax tree of every file."""

import ast
import subprocess
import sys
from pathlib import Path

import ebmjax

ROOT = Path(__file__).parents[1]
PACKAGE, COMMANDS = ROOT / "ebmjax", ROOT / "experiments"
LAYERS = [
    {"types", "metrics", "files", "messages"},
    {"pytree", "optimizers", "importance"},
    {"energies", "nets", "data"},
    {"flows"},
    {"mcmc", "objectives"},
    {"diagnostics"},
    {"estimators"},
    {"evaluation", "methods"},
    {"viz", "report"},
    {"training"},
]
RANK = {name: i for i, layer in enumerate(LAYERS) for name in layer}
# Floors of experiments/: the commands stand above them all.
UPPER = [{"build"}, {"measure"}, {"evaluators"}]
UPPER_RANK = {name: i for i, layer in enumerate(UPPER) for name in layer}
# Third-party modules that stay out of the mathematics, so that it can be read and used without them.
PURE = {"energies", "mcmc", "objectives", "types", "pytree", "importance", "diagnostics", "metrics", "files"} | {
    "messages"
}
NOT_IN_PURE = {"flax", "optax", "distrax", "absl", "ml_collections", "matplotlib", "orbax", "tensorflow"}
# Config objects stop in experiments/ and in these files.
CONFIG_FILES = {
    f"training/{name}.py" for name in ("arguments", "config", "experiment", "run", "settings", "step_sizes", "workdir")
}
# What methods share. A method imports no other.
SHARED = {"base", "coupling", "data_space", "encoded", "entropy_sampler", "tilted_flow"}
SHARED |= {"latent_likelihood", "latent_model", "latent_space", "step_size_search"}
BY_STRING = {"import_module", "__import__", "run_module", "exec", "eval"}
# Files that import by a name that is computed, and what for.
COMPUTED = {"ebmjax/__init__.py": "subpackages on first use", "experiments/__init__.py": "the chosen command"}


def files(folder):
    return sorted(folder.rglob("*.py"))


def part_of(path, root=PACKAGE):
    return path.relative_to(root).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            whole = node.module in ("ebmjax", "experiments")
            yield from (f"{node.module}.{a.name}" if whole else node.module for a in node.names)
        elif isinstance(node, ast.Call) and called(node) in BY_STRING and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def called(node):
    """The last part of the name of the function that is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", None))


def of_package(name):
    """The part of ebmjax that an imported name belongs to; None for another package."""
    return name.split(".")[1] if name.startswith("ebmjax.") else None


def test_imports_go_one_way():
    wrong = []
    for path in files(PACKAGE):
        own = part_of(path)
        for name in () if own == "__init__" else imports(path):
            other, place = of_package(name), f"{path.relative_to(ROOT)} imports {name}"
            if name.split(".")[0] in {"experiments", "configs", "benchmarks", "tests"}:
                wrong.append(place)
            if other is not None and other != own and RANK[other] >= RANK[own]:
                wrong.append(place)
    assert not wrong, "\n".join(wrong)


def test_imports_of_experiments_go_one_way():
    """build -> measure -> evaluators -> commands; a command imports no other, but asks `experiments.find`."""
    wrong = []
    for path in files(COMMANDS):
        own = part_of(path, COMMANDS)
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "experiments" or len(parts) < 2 or parts[1] in (own, "find"):
                continue
            allowed = UPPER_RANK.get(parts[1], 99) < UPPER_RANK.get(own, 98)
            if own == "__init__" or not allowed:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_third_party_modules_stay_where_they_belong():
    wrong = []
    for path in files(PACKAGE):
        for name in imports(path):
            top, place = name.split(".")[0], f"{path.relative_to(ROOT)} imports {name}"
            if part_of(path) in PURE and top in NOT_IN_PURE:
                wrong.append(place)
            if top in {"ml_collections", "absl"} and str(path.relative_to(PACKAGE)) not in CONFIG_FILES:
                wrong.append(place)
    assert not wrong, "\n".join(wrong)


def test_methods_stand_alone():
    wrong = []
    for path in files(PACKAGE / "methods"):
        allowed = SHARED if path.name != "__init__.py" else {p.stem for p in path.parent.glob("*.py")}
        for name in imports(path):
            parts = name.split(".")
            other_method = parts[:2] == ["ebmjax", "methods"] and (len(parts) < 3 or parts[2] not in allowed)
            if other_method or parts[:2] in (["ebmjax", "data"], ["ebmjax", "training"], ["ebmjax", "evaluation"]):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_import_is_hidden_in_a_string():
    """`imports` sees statements and literal names; an import by a computed name would be seen by no test above."""
    found = set()
    for path in [*files(PACKAGE), *files(COMMANDS), *files(ROOT / "configs")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in BY_STRING and not isinstance(node.args[0], ast.Constant):
                found.add(str(path.relative_to(ROOT)))
    assert found == set(COMPUTED)


def test_every_package_has_a_layer():
    assert {part_of(p) for p in files(PACKAGE)} - {"__init__"} == set(RANK)
    folders = {p.name for p in COMMANDS.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(UPPER_RANK)


def test_every_package_is_an_attribute():
    packages = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert packages <= set(dir(ebmjax)), packages - set(dir(ebmjax))


def test_import_is_light():
    code = (
        "import sys, ebmjax, ebmjax.mcmc, ebmjax.energies, ebmjax.objectives, ebmjax.data, ebmjax.viz, ebmjax.report;"
        "bad = {'tensorflow', 'matplotlib', 'flax', 'tensorflow_datasets', 'distrax', 'sklearn'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
