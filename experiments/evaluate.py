"""Further figures of a trained run, or of one still training, each with its protocol, added to its results.json.

    python -m experiments.evaluate runs/latent_ebm/svhn --with fid kid --num 50000
    python -m experiments.evaluate runs/short_run/digits --with annealed frechet_pixels
    python -m experiments.evaluate runs/latent_ebm/svhn --arm vae --with fid   # of a baseline trained beside it
    python -m experiments.evaluate /shared/run --with kid --out=figures.json   # a run that may only be read

Evaluators: frechet_pixels, density_pixels (precision, recall, density, coverage), fid, kid and inception_score (weights
by --inception, or fetched by python -m ebmjax.evaluation.download; figures are named after their --protocol),
log_likelihood (where the method has one), annealed (log Z of the learned energy, from both sides). To repeat an
experiment's own figures, run it with --mode=evaluate.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path

import jax
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ebmjax.data import DataError, load
from ebmjax.data.base import first_line
from ebmjax.evaluation.fid_protocols import DEFAULT, PROTOCOLS, find_protocol
from ebmjax.files import check_writable
from ebmjax.report import results
from ebmjax.report.run_page import write_report
from ebmjax.training.checkpoint import CheckpointError
from ebmjax.training.config import ConfigError, input_errors
from ebmjax.training.devices import find_devices, make_mesh, split
from ebmjax.training.values import LARGEST_INT
from experiments import find
from experiments.build.trained import restore
from experiments.evaluators import EVALUATORS
from experiments.evaluators.base import Figure, Measured

LOWEST = {
    "seed": 0,
    "num": 1,
    "num_reference": 0,
    "batch_size": 1,
    "num_splits": 1,
    "num_betas": 1,
    "num_chains": 2,
}


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Raises ConfigError for unknown names, and for counts and step sizes that are too small."""
    parser = argparse.ArgumentParser(
        "python -m experiments.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workdir", type=Path, help="work directory of the run")
    parser.add_argument("--with", nargs="+", required=True, metavar="NAME", dest="names", help=", ".join(EVALUATORS))
    parser.add_argument("--arm", default=results.OWN, help="a baseline trained beside the run, instead of its method")
    parser.add_argument("--num", type=int, default=2000, help="samples, and examples to compare with")
    parser.add_argument("--num_reference", type=int, default=0, help="training images behind a FID; 0: all")
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--inception", default="", metavar="FILE.npz", help="weights of the FID Inception (default: downloaded ones)"
    )
    parser.add_argument(
        "--protocol", default=DEFAULT, help=f"of Inception's input: {', '.join(PROTOCOLS)} (%(default)s)"
    )
    parser.add_argument("--num_splits", type=int, default=10, help="of the samples behind an Inception Score")
    parser.add_argument("--num_betas", type=int, default=1000, help="inverse temperatures of annealing")
    parser.add_argument("--num_chains", type=int, default=64, help="of annealing")
    parser.add_argument("--step_size", type=float, default=0.1, help="of annealing")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="write the figures there instead, and nothing into WORKDIR"
    )
    arguments = parser.parse_args(argv)
    for name in arguments.names:
        if name not in EVALUATORS:
            raise ConfigError(f"--with {name}: no such evaluator; choose from {', '.join(EVALUATORS)}")
    for name, low in LOWEST.items():
        if not low <= getattr(arguments, name) <= LARGEST_INT:
            raise ConfigError(f"--{name} {getattr(arguments, name)} must be at least {low}, in 32 bits")
    try:
        find_protocol(arguments.protocol)
    except ValueError as error:
        raise ConfigError(f"--protocol: {error}") from None
    if not 0 < arguments.step_size < inf:
        raise ConfigError(f"--step_size {arguments.step_size} must be > 0")
    return arguments


def record(figure: Figure, step: int, arguments: argparse.Namespace) -> dict:
    """A figure as results.json holds it."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    origin = {"num_steps": step, "seed": arguments.seed, "commit": results.commit(), "time": when}
    arm = {"arm": arguments.arm} if arguments.arm else {}
    return figure._asdict() | arm | origin | {"machine": results.machine()}


def held_by(path: Path) -> dict:
    """The contents of results.json, {} if there is none. Raises ConfigError if nothing can be added to it."""
    try:
        held = json.loads(path.read_text()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({first_line(error)}): repair it or move it away") from None
    added = held.get("evaluations", []) if isinstance(held, dict) else None
    if not isinstance(added, list) or not all(isinstance(entry, dict) for entry in added):
        raise ConfigError(f"{path} was not written by a run: repair it or move it away")
    return held


def open_figures(arguments: argparse.Namespace) -> tuple[Path, dict]:
    """(the file for the figures, what it says about their run), checked. Raises ConfigError if it cannot be written."""
    path, workdir = arguments.out or arguments.workdir / "results.json", arguments.workdir
    held, told = held_by(path), {"run": str(workdir)} if arguments.out else {}
    if held.get("run", str(workdir)) != str(workdir):
        raise ConfigError(f"{path} holds figures of another run, {held['run']}: give another --out=FILE.json")
    try:
        check_writable(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}): give --out=FILE.json elsewhere") from None
    return path, told


def add(path: Path, added: Sequence[dict], told: Mapping = {}) -> None:
    """Append to a results.json, replacing figures of the same name, arm, training steps, counts, protocol and seed."""
    held = held_by(path) | dict(told)
    same = lambda entry: [entry.get(field) for field in ("name", "arm", "num_steps", "counts", "protocol", "seed")]
    new = [same(entry) for entry in added]
    kept = [entry for entry in held.get("evaluations", []) if same(entry) not in new]
    results.write(path, held | {"evaluations": [*kept, *added]})


def open_run(arguments: argparse.Namespace) -> Measured:
    """The run, its data and the options. Raises ConfigError, DataError or CheckpointError."""
    config, trained = restore(arguments.workdir, arguments.arm)
    dataset = find(config.experiment).data_of(config, load(**config.data), arguments.arm or "train")
    mesh = make_mesh(arguments.batch_size)
    return Measured(
        arguments.workdir,
        config,
        dataset,
        trained,
        jax.random.key(arguments.seed),
        vars(arguments),
        put=partial(jax.device_put, device=split(mesh)),
        progress=partial(track, description="Inception features", console=Console(file=sys.stderr)),
    )


def evaluate(arguments: argparse.Namespace, found: list[dict]) -> Path:
    """Run the named evaluators one after another, and return the file of their figures, saved as each is done.

    found: gets the figures, also those that could not be saved. What can be refused is refused before any is measured.
    """
    with input_errors():
        find_devices()
    if not (arguments.workdir / "config.json").exists():
        raise ConfigError(f"{arguments.workdir} holds no trained run")
    path, told = open_figures(arguments)
    run = open_run(arguments)
    for name in arguments.names:
        EVALUATORS[name].check(run)
    for name in arguments.names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with input_errors():
            figures = EVALUATORS[name].measure(run)
        added = [record(figure, int(run.trained.state.step), arguments) for figure in figures]
        found += added
        add(path, added, told)
    return path


def print_table(found: Sequence[dict]) -> None:
    """The figures with their standard errors, counts and protocols."""
    table = Table()
    for column in ("figure", "value", "standard error", "counts", "protocol"):
        table.add_column(column, overflow="fold", no_wrap=column == "figure")
    for entry in found:
        error = "" if entry["standard_error"] is None else f"{entry['standard_error']:.2g}"
        counts = ", ".join(f"{count} {name}" for name, count in entry["counts"].items())
        table.add_row(entry["name"], f"{entry['value']:.5g}", error, counts, entry["protocol"])
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Exit code 2, and one line that says why, if it cannot be done."""
    found: list[dict] = []
    try:
        arguments = read_arguments(argv)
        path = evaluate(arguments, found)
        written = [path] if arguments.out else [path, write_report(arguments.workdir)]
    except (CheckpointError, ConfigError, DataError, OSError) as error:
        if found:
            print_table(found)
        where = f"cannot read or write {error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        print(f"error: {where}", file=sys.stderr)
        return 2
    print_table(found)
    print(f"wrote: {written[0]}", *written[1:], sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
