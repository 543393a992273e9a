"""What a results.json says of its run beside the figures: the names that tables know it by, and what was added later.

Files on disk may hold anything: what cannot be read is left out of the papers' and the added figures.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from ebmjax.viz.workdir import mapping
from experiments.published import Published, published_of


def words_of(command) -> list[str]:
    """The words of a command; [] for what is none."""
    try:
        return shlex.split(str(command or ""))
    except ValueError:
        return []


def values_of(command, flag: str) -> list[str]:
    """What a command sets a flag to, in order."""
    return [word.removeprefix(f"{flag}=") for word in words_of(command) if word.startswith(f"{flag}=")]


def label_of(command: str) -> tuple[str, int]:
    """(name of the config and of what the command overrides, as a file's name; the seed)."""
    name, seed = "default", 0
    overrides = []
    for word in words_of(command):
        field, _, value = word.removeprefix("--config").lstrip(".").partition("=")
        if word.startswith("--config="):
            path, _, variant = word.removeprefix("--config=").partition(":")
            name = "-".join(filter(None, (Path(path).stem, variant)))
        elif field == "seed":
            seed = int(value)
        elif word.startswith("--config."):
            overrides.append(f"{field}={Path(value).name.split(':')[-1]}")
    return "-".join([name, *(re.sub(r"[^\w.=]+", "_", text) for text in overrides)]), seed


def method_of(results: Mapping, config: Mapping) -> str:
    """What is trained: config.method, or that of the command, or else what the experiment is called.

    config: of the run, or a kept result, which holds its method.
    """
    named = values_of(results.get("command"), "--config.method")
    return str(config.get("method") or (named or [results.get("experiment") or config.get("experiment")])[-1])


def papers_of(results: Mapping, config: Mapping, dataset: str) -> dict[str, Published]:
    """The papers' figures that may stand beside those of a run on `dataset`. config: as in `method_of`."""
    experiment = str(results.get("experiment") or config.get("experiment"))
    stems = [Path(path.split(":")[0]).stem for path in values_of(results.get("command"), "--config")]
    return published_of(experiment, method_of(results, config), dataset, *stems)


def added_figures(results: Mapping) -> dict[str, Mapping]:
    """{name: entry} of what `experiments.evaluate` added at the run's last step; of one name that of most examples.

    Where the last step is not known the latest one counts. Entries without a name or a number are left out.
    """
    steps, added = results.get("num_steps"), results.get("evaluations")
    found: dict[str, tuple[tuple[float, float], Mapping]] = {}
    for entry in map(mapping, added if isinstance(added, list) else []):
        name, when = entry.get("name"), entry.get("num_steps")
        if not isinstance(name, str) or not is_number(entry.get("value")) or steps not in (None, when):
            continue
        counts = sum(filter(is_number, mapping(entry.get("counts")).values()))
        rank = (float(when) if is_number(when) else 0.0, float(counts))
        if name not in found or rank >= found[name][0]:
            found[name] = rank, entry
    return {name: entry for name, (_, entry) in found.items()}


def is_number(value) -> TypeGuard[float]:
    """Whether a value of a JSON file is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
