"""What a work directory holds, and which config may go on with it."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ml_collections import ConfigDict

from ebmjax.training.config import Arguments, ConfigError, check_same_run, from_json
from ebmjax.training.experiment import Experiment
from ebmjax.training.files import only_one, write_atomically
from ebmjax.training.guard import Diverged
from ebmjax.training.hosts import is_first
from ebmjax.viz.report import write_report
from ebmjax.viz.workdir import DIVERGED, newest_step


def steps_done(workdir: Path) -> int:
    """Step of the newest checkpoint; 0 without one."""
    return newest_step(workdir) or 0


def experiment_of(config: ConfigDict, path: Path) -> Experiment:
    """The experiment that a config found at `path` belongs to. Raises ConfigError if there is none of that name."""
    name = str(config.get("experiment"))
    if not name.isidentifier() or find_spec(f"experiments.{name}") is None:
        raise ConfigError(f"{path}: there is no experiments.{name}")
    module = import_module(f"experiments.{name}")
    if not hasattr(module, "EXPERIMENT"):
        raise ConfigError(f"{path}: experiments.{name} trains no method")
    return module.EXPERIMENT


@contextmanager
def alone_in(folder: Path) -> Generator[None, None, None]:
    """Make the folder and, as the first process of a run, lock it. Raises ConfigError if another run has."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(folder) if is_first() else nullcontext():
            yield
    except BlockingIOError:
        raise ConfigError(f"another process is at work in {folder}: wait for it, or use another --workdir") from None


@contextmanager
def telling_why(workdir: Path) -> Generator[None, None, None]:
    """Within it a run that diverges leaves its cause and a page that begins with it, which the error's line names."""
    try:
        yield
    except Diverged as error:
        with suppress(OSError):  # a disk that is full, too, must not hide the cause
            if is_first():
                write_atomically(workdir / DIVERGED, f"{error}\n")
                error.args = (f"{error}; see {write_report(workdir)}",)
        raise


def reconcile(experiment: Experiment, arguments: Arguments, workdir: Path) -> ConfigDict:
    """The config to use: without --config that of the work directory, with the overrides, if it may go on with it."""
    path, config = workdir / "config.json", arguments.config
    if path.exists() and steps_done(workdir):  # before the first checkpoint there is nothing to go on with
        saved = from_json(path.read_text(), path)
        if arguments.workdir is not None and not arguments.given:
            config = saved.copy_and_resolve_references()
            try:
                config.update_from_flattened_dict(arguments.overrides)
            except (KeyError, TypeError) as error:
                raise ConfigError(f"{path}: {error}") from error
        check_same_run(saved, config, workdir)
    elif arguments.mode != "train":
        raise ConfigError(f"--mode={arguments.mode}: {workdir} holds no trained run; name one with --workdir=FOLDER")
    owner = config.get("experiment")
    if owner != experiment.name:
        whose = f"of experiments.{owner}" if owner else "of no experiment: it lacks the field experiment"
        raise ConfigError(f"experiments.{experiment.name} cannot run a config {whose}")
    return config
