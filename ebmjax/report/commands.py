"""The command in a results.json: its words, the values of its flags, and a file name for the run."""

import re
import shlex
from pathlib import Path


def words_of(command) -> list[str]:
    """The words of a command; [] if it is not one."""
    try:
        return shlex.split(str(command or ""))
    except ValueError:
        return []


def values_of(command, flag: str) -> list[str]:
    """The values that a command gives to a flag, in order."""
    return [word.removeprefix(f"{flag}=") for word in words_of(command) if word.startswith(f"{flag}=")]


def label_of(command: str) -> tuple[str, int]:
    """(name of the config and of the overrides, as a file name; the seed)."""
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


def without_seed(command: str) -> str:
    """The command without its seed."""
    return " ".join(word for word in command.split(" ") if not word.startswith("--config.seed="))
