"""Commands from any folder: where config files are found, what they import, and what is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from setuptools import find_packages

from ebmjax.training.arguments import command_line, parse
from ebmjax.training.config import ConfigError
from ebmjax.training.config_files import ROOT, find_config

DIGITS = "configs/latent_ebm/digits.py"
OWN = "from ml_collections import ConfigDict\n\ndef get_config():\n    return ConfigDict({'seed': 3})\n"


def read(*words):
    return parse(["latent_ebm", *words], str(ROOT / DIGITS))


def test_the_current_folder_comes_before_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(f"{DIGITS}:smoke") == f"{ROOT / DIGITS}:smoke"
    assert read(f"--config={DIGITS}:smoke").config.model.latent_dim == 16
    own = tmp_path / DIGITS
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    assert find_config(f"{DIGITS}:smoke") == f"{DIGITS}:smoke"
    assert read(f"--config={DIGITS}").config.to_dict() == {"seed": 3}
    assert read().config.model.latent_dim == 16  # the default is the checkout's


@pytest.mark.parametrize("given", ["", ":smoke", "absent.py", "configs", "a" * 5000])
def test_what_is_no_file_is_refused(given):
    with pytest.raises(ConfigError, match="--config: there is no file"):
        find_config(given)


def test_the_command_of_a_run_does_not_depend_on_the_folder(tmp_path, monkeypatch):
    """Files of the checkout as everybody finds them, others by their whole path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    command = command_line("abp", find_config("mine.py"), {})
    assert command == f"python -m experiments.abp --config={tmp_path.resolve()}/mine.py"
    assert command_line("abp", f"{ROOT / DIGITS}:smoke", {}) == f"python -m experiments.abp --config={DIGITS}:smoke"


CODE = """
import sys
sys.path.insert(0, "")  # as `python -m` does
from ebmjax.training.arguments import parse
for config in sys.argv[1:]:
    print(parse(["latent_ebm", f"--config={config}"], config).config.seed)
"""


@pytest.mark.parametrize("package", [False, True])
def test_another_package_of_the_name_configs(package, tmp_path):
    """The checkout's files import the checkout's common parts; files of the folder its own, or else the checkout's."""
    (tmp_path / "configs").mkdir()
    for name in ("mine", "common", "__init__") if package else ("mine",):
        (tmp_path / "configs" / f"{name}.py").write_text("SEED = 5\n")
    (tmp_path / "own.py").write_text(f"from configs.mine import SEED\n{OWN.replace('3', 'SEED')}")
    (tmp_path / "derived.py").write_text("from configs.latent_ebm.digits import get_config\n")
    (tmp_path / "site").mkdir()  # where ebmjax alone is importable, as if it were installed
    (tmp_path / "site" / "ebmjax").symlink_to(ROOT / "ebmjax")
    # The checkout's file comes last: it replaces the package of the folder in this process.
    words = [sys.executable, "-c", CODE, "own.py", *([] if package else ["derived.py"]), DIGITS]
    env = {"PYTHONPATH": f"{tmp_path}/site", "PATH": ""}
    told = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert told.stdout.split() == (["5", "0"] if package else ["5", "0", "0"]), told.stderr


def test_the_commands_are_installed_and_the_configs_are_not():
    """`configs` is a name that other projects have; the checkout's are found by their path."""
    packages = find_packages(str(ROOT), include=["ebmjax", "ebmjax.*", "experiments", "experiments.*"])
    assert {"ebmjax.training", "experiments", "experiments.build", "experiments.evaluators"} <= set(packages)
    folders = {p.parent for p in (ROOT / "experiments").rglob("*.py")}
    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} <= set(packages)
    (line,) = [line for line in Path(ROOT, "setup.py").read_text().splitlines() if "find_packages(" in line]
    assert line.strip() == 'packages=find_packages(include=["ebmjax", "ebmjax.*", "experiments", "experiments.*"]),'
