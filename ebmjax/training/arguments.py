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

from ebmjax.messages import clipped, shown
from ebmjax.training.config import ConfigError, flatten, input_errors
from ebmjax.training.config_files import find_config, provide_configs, relative_to_checkout
from ebmjax.training.hosts import Hosts, find_hosts
from ebmjax.training.step_sizes import set_step_sizes, take_step_sizes
from ebmjax.training.values import check_tuples, check_values

MODES = ("train", "evaluate", "sample")


class Drawn(NamedTuple):
    """What --mode=sample draws: how many (None: 100), by which seed (None: the config's), into which .npz file (None:
    samples.npy of the run)."""

    num: int | None = None
    seed: int | None = None
    out: Path | None = None


class Arguments(NamedTuple):
    """A parsed command line.

    config: of the file, with the overrides. given: whether --config was. source: the file, with its variant.
    overrides: {"train.num_steps": 2000, ...}. name: for the work directory. workdir: None unless --workdir was given.
    hosts: None for a run of one process. drawn: of --mode=sample.
    """

    config: ConfigDict
    given: bool
    source: str
    overrides: dict
    name: str
    mode: str
    workdir: Path | None
    hosts: Hosts | None = None
    drawn: Drawn = Drawn()


def parse(argv: Sequence[str], default_config: str) -> Arguments:
    """Read --config=FILE[:VARIANT], --config.FIELD=VALUE, --mode and --workdir from `argv` (program name first).

    Raises ConfigError, one line, for anything unknown, misspelled, misplaced or of a wrong type.
    """
    unwritable = next((word for word in argv[1:] if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", word)), None)
    if unwritable is not None:  # they could not stand in command.txt
        raise ConfigError(
            f"{shown(unwritable)}: arguments may not hold control characters, or bytes that are not UTF-8"
        )
    argv, given = _take_config(argv)
    argv, step_sizes = take_step_sizes(argv)
    source = find_config(default_config if given is None else given)
    argv = argv if given is None else [argv[0], f"--config={source}", *argv[2:]]
    provide_configs(source.partition(":")[0])
    values = flags.FlagValues()
    try:
        defaults = _defaults(source)
        _check_fields(argv, defaults, source)
        config_flags.DEFINE_config_file("config", default_config, flag_values=values, sys_argv=argv)
        flags.DEFINE_enum("mode", "train", MODES, "what to do", flag_values=values)
        flags.DEFINE_string("workdir", None, "folder of the run", flag_values=values)
        flags.DEFINE_integer("num", None, "of samples", lower_bound=1, flag_values=values)
        flags.DEFINE_integer("seed", None, "of samples", lower_bound=0, upper_bound=2**31 - 1, flag_values=values)
        flags.DEFINE_string("out", None, "file of samples", flag_values=values)
        flags.DEFINE_bool("distributed", False, "join the processes of a cluster", flag_values=values)
        flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0", flag_values=values)
        flags.DEFINE_integer("num_processes", None, "of the run", lower_bound=1, flag_values=values)
        flags.DEFINE_integer("process_id", None, "of this process", lower_bound=0, flag_values=values)
        rest = values(argv)
        config = values.config
    except ConfigError:
        raise
    except flags.Error as error:
        raise ConfigError(_first_line(error)) from error
    except Exception as error:  # a config file is a program and may raise anything
        raise ConfigError(f"{source}: {type(error).__name__}: {_last_line(error)}") from error
    if len(rest) > 1:
        raise ConfigError(f"unexpected argument {shown(rest[1])}: settings are written --config.FIELD=VALUE")
    overrides = dict(config_flags.get_override_values(values["config"]))
    set_step_sizes(config, overrides, step_sizes)
    with input_errors():
        check_values(flatten(config))
        check_tuples(overrides, flatten(defaults))
    name = run_name(source, overrides)
    workdir = None if values.workdir is None else _folder(values.workdir)
    with input_errors():
        together = find_hosts(values.distributed, values.coordinator, values.num_processes, values.process_id)
    drawn = read_drawn(values.mode, values.num, values.seed, values.out)
    return Arguments(config, given is not None, source, overrides, name, values.mode, workdir, together, drawn)


def read_drawn(mode: str, num: int | None, seed: int | None, out: str | None) -> Drawn:
    """The options of --mode=sample. Raises ConfigError if they are given for another mode, or `out` is no .npz."""
    given = [name for name, value in (("num", num), ("seed", seed), ("out", out)) if value is not None]
    if given and mode != "sample":
        hint = "; the seed of a training is --config.seed" if "seed" in given else ""
        raise ConfigError(f"--{given[0]} belongs to --mode=sample, not to --mode={mode}{hint}")
    if out is not None and Path(out).suffix != ".npz":
        raise ConfigError(f"--out={out}: the name of the file of samples must end in .npz")
    return Drawn(num, seed, None if out is None else Path(out))


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
    """`python -m experiments.<name> --config=FILE --config.FIELD=VALUE ...`, which may be given in any folder.

    source: of the config.
    """
    path, _, variant = source.partition(":")
    path = relative_to_checkout(path)
    words = [f"--config={path}{':' if variant else ''}{variant}"]
    words += [f"--config.{field}={value}" for field, value in overrides.items()]
    return shlex.join(["python", "-m", f"experiments.{name}", *words])


def with_overrides(command: str, overrides: Mapping) -> str:
    """The command with `overrides`, which replace its own values of these fields; "" stays ""."""
    new = [f"--config.{field}={value}" for field, value in overrides.items()]
    fields = {word.split("=")[0] for word in new}
    kept = [word for word in shlex.split(command) if word.split("=")[0] not in fields]
    return shlex.join([*kept, *new]) if command else ""


def _defaults(source: str) -> ConfigDict:
    """The config of a file without overrides."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", source, flag_values=values, sys_argv=[""])
    values([""])
    config = values.config
    if not isinstance(config, ConfigDict):
        getattr(config, "to_dict", None)  # raises the OSError that the file raised, if it did
        raise ConfigError(f"{source}: get_config() must return an ml_collections.ConfigDict")
    return config


def _check_fields(argv: Sequence[str], defaults: ConfigDict, source: str) -> None:
    """Raise ConfigError for an override of something that is no field of the config."""
    known = flatten(defaults)
    for word in argv[1:]:
        found = re.match(r"--?(?:no)?config\.([^=]*)", word)
        if found is None or found[1] in known:
            continue
        name, inside = found[1], [field for field in known if field.startswith(f"{found[1]}.")]
        if inside:
            raise ConfigError(f"--config.{name} is a section: set its fields, such as --config.{inside[0]}")
        close = difflib.get_close_matches(name[:100], known, n=1)
        hint = f"did you mean --config.{close[0]}?" if close else f"there are {', '.join(_beside(name, known))}"
        raise ConfigError(f"unknown config field --config.{clipped(name, 80)} in {source}; {hint}")


def _beside(name: str, known: Mapping) -> list[str]:
    """Fields of the section that `name` is in; sections and fields at the top, if there is no such section."""
    section = name.rpartition(".")[0]
    inside = [field for field in known if section and field.startswith(f"{section}.")]
    return inside or list(dict.fromkeys(field.partition(".")[0] for field in known))


def _folder(given: str) -> Path:
    """The folder of --workdir. Raises ConfigError for one that cannot be: without a name, or of a name too long."""
    if not given.strip():
        raise ConfigError("--workdir= has no value (a variable that is not set?): give a folder, or leave it out")
    try:
        Path(given).exists()
    except (OSError, ValueError) as error:
        raise ConfigError(f"--workdir={clipped(given, 80)}: {getattr(error, 'strerror', error)}") from error
    return Path(given)


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    if "Error whilst parsing config file" in text:  # ml_collections puts the whole traceback into the message
        return f"{text.splitlines()[0].split(': ')[0]}: {_last_line(error)}"
    return " ".join(text.splitlines()[:2]).strip()


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
