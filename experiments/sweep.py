"""One experiment under several seeds and settings, one run after another, and a table of the figures over the seeds.

    python -m experiments.sweep latent_ebm --seeds 0 1 2 -- --config=FILE.py --config.train.num_steps=500
    python -m experiments.sweep latent_ebm --seeds 0 1 --vary sampler.prior.step_size 0.2 0.4 -- --config=FILE.py

Every run is the experiment's own command, in the work directory that it chooses itself (runs/<experiment>/<config>-
<hash of the overrides>): a stopped sweep resumes, a finished one prints its table again. If a run fails, the others go
on, and it is listed at the end.
"""

import argparse
import itertools
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table

from ebmjax.report.workdir import mapping
from ebmjax.training.arguments import parse
from ebmjax.training.config import ConfigError, check_same_run, from_json
from ebmjax.training.config_files import ROOT
from ebmjax.training.signals import signal_handler
from experiments import find


class Job(NamedTuple):
    """One run: its varied settings as "FIELD=VALUE ...", its command line, and the work directory it will use."""

    setting: str
    command: list[str]
    workdir: Path
    config: ConfigDict


def read_arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The sweep's own arguments, and those after `--`, which are the experiment's."""
    own, rest = list(argv), []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(
        "python -m experiments.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", help="name of a module under experiments/")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED")
    parser.add_argument(
        "--vary", nargs="+", action="append", default=[], metavar=("FIELD", "VALUE"), help="of the config; repeatable"
    )
    return parser.parse_args(own), rest


def plan(arguments: argparse.Namespace, rest: Sequence[str]) -> list[Job]:
    """All runs, setting by setting, each checked as its own command would check it. Raises ConfigError."""
    for field, *values in arguments.vary:
        if not values:
            raise ConfigError(f"--vary {field}: give at least one value")
    default, jobs = str(ROOT / find(arguments.experiment).default_config), []
    for values in itertools.product(*([f"{field}={value}" for value in values] for field, *values in arguments.vary)):
        for seed in arguments.seeds:
            words = [*rest, *(f"--config.{value}" for value in values), f"--config.seed={seed}"]
            parsed = parse([arguments.experiment, *words], default)
            if parsed.workdir is not None or parsed.mode != "train":
                raise ConfigError("a sweep trains in the default work directories: leave out --workdir and --mode")
            command = [sys.executable, "-m", f"experiments.{arguments.experiment}", *words]
            workdir = Path("runs") / arguments.experiment / parsed.name
            jobs.append(Job(" ".join(values), command, workdir, parsed.config))
    return jobs


def is_done(job: Job) -> bool:
    """Whether the run has results of this config. Raises ConfigError if they are of another config."""
    if not (job.workdir / "results.json").exists():
        return False
    path = job.workdir / "config.json"
    check_same_run(from_json(path.read_text(), path), job.config, job.workdir)
    return json.loads((job.workdir / "results.json").read_text())["num_steps"] >= job.config.train.num_steps


def run(job: Job) -> int:
    """Run one command to its end; a signal to the sweep is passed on to it, once."""
    child = subprocess.Popen(job.command, start_new_session=True)
    with signal_handler(lambda number, frame: child.send_signal(number), signal.SIGINT, signal.SIGTERM):
        return child.wait()


def print_table(jobs: Sequence[Job]) -> None:
    """Mean and standard deviation over the seeds, for every figure (rows) and setting (columns)."""
    found: dict[str, list[dict]] = {}
    for job in jobs:
        results = json.loads((job.workdir / "results.json").read_text())
        arms = {arm: mapping(of) for arm, of in results["baselines"].items()}  # numbers in files of earlier versions
        of_arms = {f"{name}, {arm}": value for arm, of in arms.items() for name, value in of.items()}
        found.setdefault(job.setting, []).append(results["metrics"] | of_arms)
    table = Table("figure", *(f"{setting or 'value'} (n = {len(of)})" for setting, of in found.items()))
    for name in dict.fromkeys(name for of in found.values() for figures in of for name in figures):
        table.add_row(name, *(summary([f[name] for f in of if name in f]) for of in found.values()))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def summary(values: Sequence[float]) -> str:
    """mean ± standard deviation of the seeds (n - 1 in the denominator)."""
    if not values:
        return ""
    return f"{np.mean(values):.4g}" + (f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else "")


def main(argv: Sequence[str]) -> int:
    """Run what is not done yet, print the table. Exit code: 0, 1 if a run failed, 2 bad input, 130 stopped."""
    arguments, rest = read_arguments(argv)
    try:
        jobs = plan(arguments, rest)
        done = [is_done(job) for job in jobs]
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = []
    for i, job in enumerate(jobs):
        print(f"[{i + 1}/{len(jobs)}] {job.workdir}{': done already' if done[i] else ''}", flush=True)
        code = 0 if done[i] else run(job)
        if code == 130:
            print("stopped; run the same sweep again to resume", file=sys.stderr)
            return code
        if code != 0:
            failed.append(job)
    finished = [job for job in jobs if job not in failed]
    if finished:
        print_table(finished)
    for job in failed:
        print(f"failed: {shlex.join(['python', *job.command[1:]])}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
