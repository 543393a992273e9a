"""Reading of work directories, with notes about missing or unreadable files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

DIVERGED = "diverged.txt"
"""The file with the cause, if a run stopped because it diverged."""

COMMAND = "command.txt"
"""The file with the command that repeats a run, written when it starts."""


class WorkDir(NamedTuple):
    """A run's folder with its config.json and results.json ({} if missing).

    notes: lines for the reader about missing or unreadable files. diverged: the cause of a divergence, "" without one.
    """

    folder: Path
    config: dict
    results: dict
    notes: list[str]
    diverged: str = ""

    @property
    def method(self) -> str:
        """The method's name, or the folder's if unknown."""
        return str(self.results.get("method") or self.config.get("experiment") or self.folder.resolve().name)

    @property
    def dataset(self) -> str:
        """The name of the data set, or of the target of a sampler."""
        named = (mapping(self.config.get(part)).get("name") for part in ("data", "target"))
        return str(self.results.get("dataset") or next(filter(None, named), "unknown data"))

    @property
    def seed(self) -> str:
        """The seed as text, "unknown" without one."""
        return str(self.results.get("seed", self.config.get("seed", "unknown")))

    @property
    def step(self) -> int | None:
        """Step of the newest checkpoint, None without one."""
        return newest_step(self.folder)

    @property
    def date(self) -> str:
        """Time of the evaluation, or else of the run's last file, in UTC."""
        files = (self.folder / name for name in ("results.json", "metrics.jsonl", "config.json"))
        times = [path.stat().st_mtime for path in files if path.exists()]
        return datetime.fromtimestamp(times[0], UTC).strftime("%Y-%m-%d %H:%M UTC") if times else "unknown"


def newest_step(folder: Path) -> int | None:
    """Step of the newest checkpoint, read from the folder's names without opening anything; None without one."""
    folders = (p for p in (folder / "checkpoints").glob("*") if p.is_dir())
    return max((int(p.name) for p in folders if p.name.isdecimal() and p.name.isascii()), default=None)


def read_workdir(folder: str | Path) -> WorkDir:
    """Read a work directory. Raises ValueError if `folder` is not a folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: a report is made from the work directory of a run")
    notes = []
    config = _read_json(folder / "config.json", "the settings are unknown", notes)
    results = _read_json(folder / "results.json", "there are no figures, as the run is not evaluated yet", notes)
    if not all(isinstance(figures, Mapping) for figures in mapping(results.get("baselines")).values()):
        notes.append("results.json is of an earlier version: --mode=evaluate of the run renews what it compares with.")
    why = folder / DIVERGED
    return WorkDir(folder, config, results, notes, why.read_text(errors="replace").strip() if why.exists() else "")


def mapping(value) -> Mapping:
    """`value` if it is a mapping, else an empty one: files on disk may hold anything."""
    return value if isinstance(value, Mapping) else {}


def flatten(tree: Mapping) -> dict:
    """{"train.num_steps": 1000, ...}."""
    flat = {}
    for name, value in tree.items():
        flat |= {f"{name}.{k}": v for k, v in flatten(value).items()} if isinstance(value, Mapping) else {name: value}
    return flat


def _read_json(path: Path, otherwise: str, notes: list[str]) -> dict:
    """The object in a JSON file; {} and a line in `notes` if there is none."""
    if not path.exists():
        notes.append(f"There is no {path.name}: {otherwise}.")
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        notes.append(f"{path.name} cannot be read: {otherwise}.")
        return {}
    return found
