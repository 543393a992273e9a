"""The command line of every experiment: what it asks is done by `training.run`, what is wrong is said in one line."""

import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ebmjax.data import DataError
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.config import Arguments, ConfigError, parse
from ebmjax.training.experiment import Experiment
from ebmjax.training.loop import Diverged, Interrupted
from ebmjax.training.run import run

USAGE = """usage: python -m experiments.{name} [--config=FILE.py[:smoke]] [--config.FIELD=VALUE ...]
       [--mode=train|evaluate|sample] [--workdir=FOLDER]

  --config     a config file; without it the experiment's embedded default
  --config.X   overrides field X of it, e.g. --config.train.num_steps=2000
  --mode       train (and evaluate; the default), evaluate, or sample a trained run
  --workdir    where the run lives; default runs/{name}/<config>[-<hash of overrides>].
               The same command again resumes, or only evaluates what is finished."""


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
    if {"--help", "-help", "-h"} & set(argv[1:]):
        print(f"{(doc or name).strip()}\n\n{USAGE.format(name=name)}")
        sys.exit(0)
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        do(parse(argv, str(Path(__file__).parents[2] / default_config)))
    except (ConfigError, DataError) as error:
        _exit(2, f"error: {error}")
    except (Diverged, CheckpointError) as error:
        _exit(1, f"error: {error}")
    except Interrupted as error:
        words = shlex.join(["python", "-m", f"experiments.{name}", *argv[1:]])
        _exit(130, f"{error}; the same command goes on from there: {words}")
    except KeyboardInterrupt:
        _exit(130, "interrupted; the same command goes on from the last checkpoint")
    except OSError as error:
        if error.errno is None:
            raise
        _exit(1, f"error: cannot read or write {error.filename or 'a file of the run'}: {error.strerror}")


def _exit(code: int, message: str) -> None:
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)
