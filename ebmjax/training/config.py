"""Configs at the command line: read with overrides, written to and compared with the work directory's config.json."""

import difflib
import hashlib
import json
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from ebmjax.training.hosts import Hosts, find_hosts

MODES = ("train", "evaluate", "sample")
# Fields that may differ when a run is taken up again: they change no number that training computes.
FREE_FIELDS = ("train.log_every", "train.checkpoint_every", "train.on_divergence", "train.guard.", "evaluate.")


class ConfigError(Exception):
    """Bad input by a person; the message is the one line to show."""


@contextmanager
def input_errors() -> Generator[None, None, None]:
    """Within it a ValueError, by which builders refuse what a person chose, is a ConfigError."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error


class Arguments(NamedTuple):
    """A parsed command line.

    config: of the file, with the overrides. given: whether --config was. overrides: {"train.num_steps": 2000, ...}.
    name: for the work directory. workdir: None unless --workdir was given. hosts: None for a run of one process.
    """

    config: ConfigDict
    given: bool
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
    except Exception as error:  # a config file is a program: whatever it raises is about that file
        raise ConfigError(f"{source}: {type(error).__name__}: {_last_line(error)}") from error
    if len(rest) > 1:
        raise ConfigError(f"unexpected argument {rest[1]!r}: settings are written --config.FIELD=VALUE")
    if not isinstance(config, ConfigDict):
        raise ConfigError(f"{source}: get_config() must return an ml_collections.ConfigDict")
    overrides = dict(config_flags.get_override_values(values["config"]))
    name = run_name(source, overrides)
    workdir = None if values.workdir is None else Path(values.workdir)
    with input_errors():
        together = find_hosts(values.distributed, values.coordinator, values.num_processes, values.process_id)
    return Arguments(config, given is not None, overrides, name, values.mode, workdir, together)


def _take_config(argv: Sequence[str]) -> tuple[list[str], str | None]:
    """`argv` with --config first, where ml_collections wants it before any override, and its value (the last given)."""
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


def to_json(config: ConfigDict) -> str:
    """The config as indented JSON."""
    return json.dumps(config.to_dict(), indent=2, default=list)


def from_json(text: str, origin: Path) -> ConfigDict:
    """The config of `to_json`; JSON's lists are tuples again. Raises ConfigError, naming `origin`, if it is no JSON."""

    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return tuple(plain(v) for v in value) if isinstance(value, list) else value

    try:
        return ConfigDict(plain(json.loads(text))).lock()
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ConfigError(f"{origin} is no config written by a run: {error}; use another --workdir") from error


def flatten(config: ConfigDict) -> dict:
    """{"train.num_steps": 1000, ...}."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            flat |= {f"{key}.{k}": v for k, v in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def choose(table: Mapping[str, Any], name: str, field: str) -> Any:
    """table[name]; ConfigError with the known names, and the closest one, if it has none such."""
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {close[0]!r}? Known" if close else "known"
    raise ConfigError(f"--config.{field}: unknown name {name!r}; {hint}: {', '.join(sorted(table))}")


def check_same_run(saved: ConfigDict, asked: ConfigDict, workdir: Path) -> None:
    """Raise ConfigError, field by field, unless a run of `saved` may go on as `asked`.

    `FREE_FIELDS` may differ. train.num_steps may grow if no learning-rate schedule runs over the whole training.
    """
    old, new = flatten(saved), flatten(asked)
    names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k) and not k.startswith(FREE_FIELDS))
    scheduled = [k for k, v in new.items() if k.endswith("schedule") and v == "cosine"]
    grows = "train.num_steps" in names and new["train.num_steps"] > old["train.num_steps"] and not scheduled
    if grows:
        names.remove("train.num_steps")
    if names:
        changes = "; ".join(f"{k}: {old.get(k)} there, {new.get(k)} now" for k in names)
        why = (
            f" (the {scheduled[0]} = cosine depends on train.num_steps)"
            if names == ["train.num_steps"] and scheduled
            else ""
        )
        raise ConfigError(f"{workdir} holds a run with another config: {changes}{why}; use another --workdir")


def require(config: ConfigDict, field: str, low: float, high: float = float("inf")) -> None:
    """Raise ConfigError unless the number, or every number of the tuple, at `field` lies in [low, high]."""
    value = flatten(config).get(field)
    if value is None:
        raise ConfigError(f"the config lacks {field}")
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
            limits = f"at least {low}" if high == float("inf") else f"in [{low}, {high}]"
            raise ConfigError(f"{field} = {value} must be {limits}")


def _similar_files(source: str) -> str:
    found = sorted(str(p) for p in Path("configs").rglob("*.py") if p.name != "common.py")
    close = difflib.get_close_matches(source.split(":", 1)[0], found, n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(found)}" if found else ""


def _unknown_field(error: Exception, argv: Sequence[str], source: str) -> str:
    """What ml_collections says of a field that is not there, with the whole name of the field."""
    text = _first_line(error).replace("\\", "")  # of a nested field the message is the repr of a message
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
