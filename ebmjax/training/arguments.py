"""The command line of an experiment: a config file, overrides, the mode and the work directory."""

import difflib
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from ebmjax.training.config import ConfigError, input_errors
from ebmjax.training.hosts import Hosts, find_hosts
from ebmjax.training.step_sizes import set_step_sizes, take_step_sizes

ROOT = Path(__file__).parents[2]
MODES = ("train", "evaluate", "sample")


class Arguments(NamedTuple):
    """A parsed command line.

    config: of the file, with the overrides. given: whether --config was. source: the file, with its variant.
    overrides: {"train.num_steps": 2000, ...}. name: for the work directory. workdir: None unless --workdir was given.
    hosts: None for a run of one process.
    """

    config: ConfigDict
    given: bool
    source: str
    overrides: dict
    name: str
    mode: str
    workdir: Path | None
    hosts: Hosts | None = None


def parse(argv: Sequence[str], default_config: str) -> Arguments:
    """Read --config=FILE[:VARIANT], --config.FIELD=VALUE, --mode and --workdir from `argv` (program name first).

    Raises ConfigError, one line, for anything unknown, misspelled, misplaced or of a wrong type.
    """
    argv, given = _take_config(argv)
    argv, step_sizes = take_step_sizes(argv)
    source = default_config if given is None else given
    if not Path(source.split(":", 1)[0]).is_file():
        raise ConfigError(f"--config: there is no file {source.split(':', 1)[0]!r}{_similar_files(source)}")
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_file("config", default_config, flag_values=values, sys_argv=argv)
        flags.DEFINE_enum("mode", "train", MODES, "what to do", flag_values=values)
        flags.DEFINE_string("workdir", None, "folder of the run", flag_values=values)
        flags.DEFINE_bool("distributed", False, "join the processes of a cluster", flag_values=values)
        flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0", flag_values=values)
        flags.DEFINE_integer("num_processes", None, "of the run", lower_bound=1, flag_values=values)
        flags.DEFINE_integer("process_id", None, "of this process", lower_bound=0, flag_values=values)
        rest = values(argv)
        config = values.config
    except flags.Error as error:
        raise ConfigError(_first_line(error)) from error
    except (AttributeError, KeyError) as error:
        raise ConfigError(_unknown_field(error, argv, source)) from error
    except Exception as error:  # a config file is a program and may raise anything
        raise ConfigError(f"{source}: {type(error).__name__}: {_last_line(error)}") from error
    if len(rest) > 1:
        raise ConfigError(f"unexpected argument {rest[1]!r}: settings are written --config.FIELD=VALUE")
    if not isinstance(config, ConfigDict):
        raise ConfigError(f"{source}: get_config() must return an ml_collections.ConfigDict")
    overrides = dict(config_flags.get_override_values(values["config"]))
    set_step_sizes(config, overrides, step_sizes)
    name = run_name(source, overrides)
    workdir = None if values.workdir is None else Path(values.workdir)
    with input_errors():
        together = find_hosts(values.distributed, values.coordinator, values.num_processes, values.process_id)
    return Arguments(config, given is not None, source, overrides, name, values.mode, workdir, together)


def _take_config(argv: Sequence[str]) -> tuple[list[str], str | None]:
    """`argv` with --config first, since ml_collections needs it before any override; and its value (the last given)."""
    rest, found, words = [argv[0]], None, iter(argv[1:])
    for word in words:
        if re.match(r"^--?config(=|$)", word):
            found = word.split("=", 1)[1] if "=" in word else next(words, "")
        else:
            rest.append(word)
    return rest if found is None else [rest[0], f"--config={found}", *rest[1:]], found


def run_name(source: str, overrides: dict) -> str:
    """Name of a run: the config's, its variant's, and a short hash of the overrides, e.g. digits-smoke-3f2a91."""
    path, _, variant = source.partition(":")
    name = Path(path).stem + (f"-{variant}" if variant else "")
    if overrides:
        text = json.dumps(sorted((k, repr(v)) for k, v in overrides.items()))
        name += "-" + hashlib.sha256(text.encode()).hexdigest()[:6]
    return name


def command_line(name: str, source: str, overrides: Mapping) -> str:
    """`python -m experiments.<name> --config=FILE --config.FIELD=VALUE ...`, to be run in the checkout.

    source: of the config; files inside the checkout get relative paths.
    """
    path, _, variant = source.partition(":")
    inside = Path(path).resolve()
    path = inside.relative_to(ROOT).as_posix() if inside.is_relative_to(ROOT) else path
    words = [f"--config={path}{':' if variant else ''}{variant}"]
    words += [f"--config.{field}={value}" for field, value in overrides.items()]
    return shlex.join(["python", "-m", f"experiments.{name}", *words])


def with_overrides(command: str, overrides: Mapping) -> str:
    """The command with `overrides`, which replace its own values of these fields; "" stays ""."""
    new = [f"--config.{field}={value}" for field, value in overrides.items()]
    fields = {word.split("=")[0] for word in new}
    kept = [word for word in shlex.split(command) if word.split("=")[0] not in fields]
    return shlex.join([*kept, *new]) if command else ""


def _similar_files(source: str) -> str:
    found = sorted(str(p) for p in Path("configs").rglob("*.py") if p.name != "common.py")
    close = difflib.get_close_matches(source.split(":", 1)[0], found, n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(found)}" if found else ""


def _unknown_field(error: Exception, argv: Sequence[str], source: str) -> str:
    """ml_collections' message about an unknown field, with the full name of the field."""
    text = _first_line(error).replace("\\", "")  # for nested fields the message is the repr of a message
    found = re.search(r'Did you mean "\w+" instead of "(\w+)"', text)
    if found is None:
        return f"unknown config field in {source}: {text}"
    asked = (word.split("=")[0].lstrip("-") for word in argv[1:])
    name = next((word for word in asked if found[1] in word.split(".")), found[1])
    return f"unknown config field --{name} in {source}: {found[0]}"


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    if "Error whilst parsing config file" in text:  # ml_collections puts the whole traceback into the message
        return f"{text.splitlines()[0].split(': ')[0]}: {_last_line(error)}"
    return " ".join(text.splitlines()[:2]).strip()


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
