"""Work directories: their lock, their config, and whether a run may continue in them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from ml_collections import ConfigDict

from ebmjax.files import only_one, write_atomically
from ebmjax.report.run_page import write_report
from ebmjax.report.workdir import COMMAND, DIVERGED, newest_step
from ebmjax.training.arguments import Arguments, command_line, with_overrides
from ebmjax.training.config import (
    ConfigError,
    Limit,
    check_limits,
    check_same_run,
    from_json,
    input_errors,
    to_json,
    with_absolute_paths,
)
from ebmjax.training.devices import find_devices
from ebmjax.training.experiment import Experiment
from ebmjax.training.guard import Diverged
from ebmjax.training.hosts import is_first


def steps_done(workdir: Path) -> int:
    """Step of the newest checkpoint; 0 without one."""
    return newest_step(workdir) or 0


@contextmanager
def alone_in(folder: Path) -> Generator[None, None, None]:
    """Create the folder and, as the first process of a run, lock it. Raises ConfigError if another run holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(folder) if is_first() else nullcontext():
            yield
    except BlockingIOError:
        raise ConfigError(f"another process is using {folder}: wait for it, or use another --workdir") from None


@contextmanager
def explain_divergence(workdir: Path) -> Generator[None, None, None]:
    """A context that writes the cause of a divergence into the work directory, and a report that begins with it."""
    try:
        yield
    except Diverged as error:
        with suppress(OSError):  # a full disk must not hide the cause
            if is_first():
                write_atomically(workdir / DIVERGED, f"{error}\n")
                error.args = (f"{error}; see {write_report(workdir)}",)
        raise


def reconcile(experiment: Experiment, arguments: Arguments, workdir: Path) -> tuple[ConfigDict, str]:
    """(the config to use, the command that repeats it); without --config those of the work directory plus overrides.
    Paths of data sets become absolute. Raises ConfigError if the run in the folder cannot go on with this config."""
    path, config, overrides = workdir / "config.json", arguments.config, arguments.overrides
    command = command_line(experiment.name, arguments.source, overrides)
    if path.exists() and steps_done(workdir):  # before the first checkpoint there is nothing to continue
        saved = from_json(path.read_text(), path)
        if arguments.workdir is not None and not arguments.given:
            config = saved.copy_and_resolve_references()
            try:
                config.update_from_flattened_dict(overrides)
            except (KeyError, TypeError) as error:
                raise ConfigError(f"{path}: {error}") from error
            command = with_overrides(saved_command(workdir), overrides)
        check_same_run(saved, config, workdir)
    elif arguments.mode != "train":
        raise ConfigError(f"--mode={arguments.mode}: {workdir} holds no trained run; give one by --workdir=FOLDER")
    check_owner(experiment.name, config)
    return with_absolute_paths(config), command


def check_same_data(saved: Mapping | None, now: Mapping | None, workdir: Path) -> None:
    """Raise ConfigError, listing what differs, if both fingerprints are known (`data.fingerprint`) and differ.

    Checkpoints of earlier versions have none, nor have data sets that were not made by `data.load`.
    """
    if not saved or not now:
        return
    differ = [part for part in sorted(saved.keys() | now.keys()) if saved.get(part) != now.get(part)]
    if differ:
        changes = "; ".join(f"{part}: {saved.get(part)} there, {now.get(part)} now" for part in differ)
        raise ConfigError(
            f"{workdir} holds a run with other data of the same name: {changes}; put back the data that it was trained "
            "on, or use another --workdir"
        )


def check_owner(name: str, config: ConfigDict) -> None:
    """Raise ConfigError unless the config belongs to experiments.<name>."""
    owner = config.get("experiment")
    if owner != name:
        whose = f"of experiments.{owner}" if owner else "without the field experiment"
        raise ConfigError(f"experiments.{name} cannot run a config {whose}")


def open_untrained(name: str, arguments: Arguments, limits: Mapping[str, Limit]) -> tuple[ConfigDict, Path, str]:
    """(config, work directory, command) for commands that train no method, checked; `begin` then writes them."""
    config = with_absolute_paths(arguments.config)
    check_owner(name, config)
    check_limits(config, limits)
    with input_errors():
        find_devices()
    workdir = arguments.workdir or Path("runs") / name / arguments.name
    return config, workdir, command_line(name, arguments.source, arguments.overrides)


def begin(workdir: Path, config: ConfigDict, command: str) -> None:
    """Write a run's config and command into its work directory, and delete the cause of an earlier divergence."""
    write_atomically(workdir / "config.json", to_json(config) + "\n")
    if command:
        write_atomically(workdir / COMMAND, command + "\n")
    (workdir / DIVERGED).unlink(missing_ok=True)


def saved_command(workdir: Path) -> str:
    """The command that started the run; "" if unknown."""
    path = workdir / COMMAND
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
