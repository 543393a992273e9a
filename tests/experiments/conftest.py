"""How the tests run a command, in this process: `run` for what ends well, `fails` for what is refused in one line."""

import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from ebmjax.training import cli

ROOT = Path(__file__).parents[2]


class Finished(NamedTuple):
    """What a command wrote into its folder."""

    folder: Path
    results: dict

    @property
    def metrics(self):
        return self.results["metrics"]

    @property
    def baselines(self):
        return self.results["baselines"]

    @property
    def figures(self):
        """All that a repetition must give again."""
        return self.metrics, self.baselines

    @property
    def names(self):
        """{arm of the baselines: names of its metrics}."""
        return {arm: set(table) for arm, table in self.baselines.items()}

    @property
    def pictures(self):
        """Names of the pictures in its folder, without .png."""
        return {path.stem for path in self.folder.glob("*.png")}


def words_of(command, config, words, folder):
    """config: FILE[:smoke] of configs/<command>/, or with a folder of configs/, without .py; None for no --config."""
    if config is not None:
        name, _, variant = config.partition(":")
        path = ROOT / "configs" / (name if "/" in name else f"{command}/{name}")
        words = (f"--config={path}.py" + (f":{variant}" if variant else ""), *words)
    return [command, *map(str, words), f"--workdir={folder}"]


def main(argv):
    """python -m experiments.<argv>."""
    module = import_module(f"experiments.{argv[0]}")
    if hasattr(module, "EXPERIMENT"):
        return cli.main(module.EXPERIMENT, argv)
    if hasattr(module, "main"):
        return module.main(argv)
    with cli.arguments_of(argv[0], module.DEFAULT_CONFIG, argv) as arguments:
        return getattr(module, argv[0])(arguments)


def check(finished):
    """What holds of every run: all figures are finite but R-hat, those of every baseline stand beside one of ours, and
    every picture shows something."""
    for arm, table in {"ours": finished.metrics, **finished.baselines}.items():
        assert table and set(table) <= set(finished.metrics), arm
        wrong = [name for name, value in table.items() if not (name.startswith("rhat") or np.isfinite(value))]
        assert not wrong, (arm, wrong)
    assert all((finished.folder / name).exists() for name in finished.results.get("pictures", ()))
    for name in finished.pictures:
        picture = Image.open(finished.folder / f"{name}.png")
        assert picture.width > 300 and np.asarray(picture).std() > 5, name
    shown = finished.pictures - {"health"}  # the page draws the curves itself
    assert not shown or "data:image" in (finished.folder / "report.html").read_text()


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """run(command, config, *words, folder=None): runs a command, checks what it wrote, and returns it (`Finished`)."""

    def run(command, config, *words, folder=None):
        folder = folder or tmp_path_factory.mktemp("runs") / command
        main(words_of(command, config, words, folder))
        finished = Finished(folder, json.loads((folder / "results.json").read_text()))
        check(finished)
        return finished

    return run


@pytest.fixture
def fails(tmp_path, capsys):
    """fails(command, config, *words, folder=None, code=2): its one line of error; nothing is trained or measured."""

    def fails(command, config, *words, folder=tmp_path / "refused", code=2):
        before = set(folder.rglob("*"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(words_of(command, config, words, folder))
        assert stopped.value.code == code
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if not line.startswith((f"{command}: ", "using "))]
        assert len(lines) == 1 and lines[0].startswith("error: "), lines
        written = {path.name for path in set(folder.rglob("*")) - before}
        assert not written & {"checkpoints", "metrics.jsonl", "results.json"}
        return lines[0]

    return fails


@pytest.fixture(scope="session")
def flow_in_the_plane(run):
    """The one flow that quick tests train; copy its folder before changing it."""
    return run("flow", "eight_gaussians:smoke")
