"""The main function of every experiment: it calls `training.run` or `sampling`, and reports any error in one line."""

import errno
import logging
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress

import jax

from ebmjax.data import DataError
from ebmjax.data.base import first_line
from ebmjax.messages import clipped
from ebmjax.training.arguments import Arguments, parse
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.config import ConfigError
from ebmjax.training.config_files import ROOT
from ebmjax.training.experiment import Experiment
from ebmjax.training.guard import Diverged
from ebmjax.training.loop import Interrupted
from ebmjax.training.run import run
from ebmjax.training.sampling import sample
from ebmjax.training.signals import terminate_like_ctrl_c
from ebmjax.viz.backend import plain_style

USAGE = """usage: python -m experiments.{name} [--config=FILE.py[:smoke]] [--config.FIELD=VALUE ...]
       [--mode=train|evaluate|sample] [--workdir=FOLDER]
       --mode=sample --workdir=FOLDER [--num=N] [--seed=S] [--out=FILE.npz]

  --config     a config file; without it the experiment's embedded default
  --config.X   overrides field X of it, e.g. --config.train.num_steps=2000
  --mode       train (and evaluate; the default), evaluate, or sample a trained run
  --workdir    where the run lives; default runs/{name}/<config>[-<hash of overrides>].
               The same command again resumes, or only evaluates what is finished.
  --num --seed --out   of --mode=sample: N samples (default 100) by seed S (default config.seed) into FILE.npz, in the
               range and shape of the data, and images also into FILE.png; the run's folder is then only read.
               Without --out: samples.npy, in the range of training, and samples.png in the run's folder
  --distributed                            one of several processes, found by SLURM, TPU pods, Kubernetes or Open MPI
  --coordinator=HOST:PORT --num_processes=N --process_id=I      the same, found by hand (docs/running.md)"""

MENDED = "; once that is mended, the same command goes on from the last sound checkpoint"
OUT_OF_MEMORY = "out of memory: use a smaller batch_size or network, more devices, or one with more memory"
CHOOSE = "; mend that, or choose another --workdir"
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
"""Errors of a path that can never be written."""


def main(experiment: Experiment, argv: Sequence[str] | None = None, *, doc: str | None = None) -> None:
    """The command line of an experiment that trains a method."""
    with arguments_of(experiment.name, experiment.default_config, argv, doc) as arguments:
        (sample if arguments.mode == "sample" else run)(experiment, arguments)


@contextmanager
def arguments_of(
    name: str, default_config: str, argv: Sequence[str] | None = None, doc: str | None = None
) -> Generator[Arguments, None, None]:
    """Parse `argv`; errors inside the context become one line and an exit code: 1 for divergence, a failed file or too
    little memory, 2 for bad input, 130 for an interrupt.

    name: of the module under experiments/. default_config: used without --config, relative to the checkout. doc: the
    first lines of --help.
    """
    argv = list(sys.argv if argv is None else argv)
    again = shlex.join(["python", "-m", f"experiments.{name}", *argv[1:]])
    if {"--help", "-help", "-h"} & set(argv[1:]):
        with suppress(BrokenPipeError):  # `--help | head`
            print(f"{(doc or name).strip()}\n\n{USAGE.format(name=name)}", flush=True)
            sys.exit(0)
        os._exit(0)  # an ordinary exit would write the rest
    try:
        plain_style()
        with terminate_like_ctrl_c(), quiet():
            yield parse(argv, str(ROOT / default_config))
    except (ConfigError, DataError, Diverged) as error:
        _exit(1 if isinstance(error, Diverged) else 2, f"error: {error}")
    except CheckpointError as error:
        _exit(1, f"error: {error}{MENDED}")
    except Interrupted as error:
        _exit(130, f"{error}; the same command goes on from there: {again}", together=True)
    except KeyboardInterrupt:
        _exit(130, f"interrupted; the same command goes on from the last checkpoint: {again}")
    except MemoryError:
        _exit(1, f"error: {OUT_OF_MEMORY}")
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        _exit(1, f"error: {OUT_OF_MEMORY} ({clipped(first_line(error), 200)})")
    except OSError as error:
        if error.errno is None:
            raise
        where = f"cannot read or write {error.filename or 'a file of the run'}: {error.strerror}"
        _exit(1, f"error: {where}{CHOOSE if error.errno in FORBIDDEN else MENDED}")


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Silence Orbax's pages of output about a failed write, which we report in one line.

    An interrupt during a callback or a finaliser, where Python only prints exceptions, is sent again, as SIGTERM, since
    shells ignore SIGINT in background jobs.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    report = sys.unraisablehook

    def hook(unraisable):
        if unraisable.exc_type is KeyboardInterrupt:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        elif str(unraisable.exc_value) != "Event loop is closed":  # Orbax's writers, after another part of a save fails
            report(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = report


def _exit(code: int, message: str, *, together: bool = False) -> None:
    """Print the last line and exit; `together` if all processes do so."""
    print(message, file=sys.stderr, flush=True)
    if jax.distributed.is_initialized() and not together:
        # An ordinary exit would wait for the other processes, which may wait for this one in the middle of a step.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
