"""The command line of every experiment: what it asks is done by `training.run`, what is wrong is said in one line."""

import errno
import logging
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jax

from ebmjax.data import DataError
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.config import Arguments, ConfigError, parse
from ebmjax.training.experiment import Experiment
from ebmjax.training.loop import Diverged, Interrupted
from ebmjax.training.run import run
from ebmjax.training.signals import terminate_like_ctrl_c

USAGE = """usage: python -m experiments.{name} [--config=FILE.py[:smoke]] [--config.FIELD=VALUE ...]
       [--mode=train|evaluate|sample] [--workdir=FOLDER]

  --config     a config file; without it the experiment's embedded default
  --config.X   overrides field X of it, e.g. --config.train.num_steps=2000
  --mode       train (and evaluate; the default), evaluate, or sample a trained run
  --workdir    where the run lives; default runs/{name}/<config>[-<hash of overrides>].
               The same command again resumes, or only evaluates what is finished.
  --distributed                            one of several processes, found by SLURM, TPU pods, Kubernetes or Open MPI
  --coordinator=HOST:PORT --num_processes=N --process_id=I      the same, found by hand (docs/running.md)"""

MENDED = "; once that is mended, the same command goes on from the last sound checkpoint"
CHOOSE = "; mend that, or choose another --workdir"
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
"""Errors of a path that can never be written as it is."""


def main(experiment: Experiment, argv: Sequence[str] | None = None, *, doc: str | None = None) -> None:
    """The command line of an experiment that trains a method."""
    command(experiment.name, experiment.default_config, partial(run, experiment), argv, doc=doc)


def command(
    name: str,
    default_config: str,
    do: Callable[[Arguments], None],
    argv: Sequence[str] | None = None,
    *,
    doc: str | None = None,
) -> None:
    """Parse `argv`, `do` it, and exit: 0 done, 1 diverged or a file failed, 2 bad input, 130 interrupted.

    name: of the module under experiments/. default_config: used without --config, relative to the checkout.
    """
    argv = list(sys.argv if argv is None else argv)
    again = shlex.join(["python", "-m", f"experiments.{name}", *argv[1:]])
    if {"--help", "-help", "-h"} & set(argv[1:]):
        print(f"{(doc or name).strip()}\n\n{USAGE.format(name=name)}")
        sys.exit(0)
    try:
        with terminate_like_ctrl_c(), quiet():
            do(parse(argv, str(Path(__file__).parents[2] / default_config)))
    except (ConfigError, DataError) as error:
        _exit(2, f"error: {error}")
    except Diverged as error:
        _exit(1, f"error: {error}")
    except CheckpointError as error:
        _exit(1, f"error: {error}{MENDED}")
    except Interrupted as error:
        _exit(130, f"{error}; the same command goes on from there: {again}", together=True)
    except KeyboardInterrupt:
        _exit(130, f"interrupted; the same command goes on from the last checkpoint: {again}")
    except OSError as error:
        if error.errno is None:
            raise
        where = f"cannot read or write {error.filename or 'a file of the run'}: {error.strerror}"
        _exit(1, f"error: {where}{CHOOSE if error.errno in FORBIDDEN else MENDED}")


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Silence what Orbax prints, page by page, about a failed write: the error comes to us and is said in one line.

    An interrupt that lands in a callback or a finaliser, where Python only reports what is raised, is sent again, as
    SIGTERM: to a job in the background shells let SIGINT mean nothing.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    report = sys.unraisablehook

    def hook(unraisable):
        if unraisable.exc_type is KeyboardInterrupt:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        elif str(unraisable.exc_value) != "Event loop is closed":  # its writers, when another part of a save has failed
            report(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = report


def _exit(code: int, message: str, *, together: bool = False) -> None:
    """Say the last line and exit; `together` if all processes do so."""
    print(message, file=sys.stderr, flush=True)
    if jax.distributed.is_initialized() and not together:
        # An ordinary exit waits for the other processes, and they may wait for this one, in the middle of a step.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
