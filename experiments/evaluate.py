"""Further figures of a trained run, or of one still training, each with its protocol, added to its results.json.

    python -m experiments.evaluate runs/latent_ebm/svhn --with fid kid --num 50000
    python -m experiments.evaluate runs/short_run/digits --with annealed frechet_pixels

Evaluators: frechet_pixels, density_pixels (precision, recall, density, coverage), fid and kid (weights by --inception,
or fetched by python -m ebmjax.evaluation.download), log_likelihood (where the method has one), annealed (log Z of the
learned energy, from both sides). To repeat an experiment's own figures, run it with --mode=evaluate.
"""

import argparse
import json
import sys
from collections.abc import Sequence
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
from ebmjax.evaluation.inception import PROTOCOLS
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

LOWEST = {"seed": 0, "num": 1, "num_reference": 0, "batch_size": 1, "num_betas": 1, "num_chains": 2}


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Raises ConfigError for unknown names, and for counts and step sizes that are too small."""
    parser = argparse.ArgumentParser(
        "python -m experiments.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workdir", type=Path, help="work directory of the run")
    parser.add_argument("--with", nargs="+", required=True, metavar="NAME", dest="names", help=", ".join(EVALUATORS))
    parser.add_argument("--num", type=int, default=2000, help="samples, and examples to compare with")
    parser.add_argument("--num_reference", type=int, default=0, help="training images behind a FID; 0: all")
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--inception", default="", metavar="FILE.npz", help="weights of the FID Inception (default: downloaded ones)"
    )
    parser.add_argument("--protocol", default="float", choices=sorted(PROTOCOLS), help="of FID and KID")
    parser.add_argument("--num_betas", type=int, default=1000, help="inverse temperatures of annealing")
    parser.add_argument("--num_chains", type=int, default=64, help="of annealing")
    parser.add_argument("--step_size", type=float, default=0.1, help="of annealing")
    arguments = parser.parse_args(argv)
    for name in arguments.names:
        if name not in EVALUATORS:
            raise ConfigError(f"--with {name}: no such evaluator; choose from {', '.join(EVALUATORS)}")
    for name, low in LOWEST.items():
        if not low <= getattr(arguments, name) <= LARGEST_INT:
            raise ConfigError(f"--{name} {getattr(arguments, name)} must be at least {low}, in 32 bits")
    if not 0 < arguments.step_size < inf:
        raise ConfigError(f"--step_size {arguments.step_size} must be > 0")
    return arguments


def record(figure: Figure, step: int, seed: int) -> dict:
    """A figure as results.json holds it."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    origin = {"num_steps": step, "seed": seed, "commit": results.commit(), "time": when}
    return figure._asdict() | origin | {"machine": results.machine()}


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


def add(workdir: Path, added: Sequence[dict]) -> None:
    """Append to results.json, replacing figures of the same name, training steps, counts, protocol and seed."""
    path = workdir / "results.json"
    held = held_by(path)
    same = lambda entry: [entry.get(field) for field in ("name", "num_steps", "counts", "protocol", "seed")]
    new = [same(entry) for entry in added]
    kept = [entry for entry in held.get("evaluations", []) if same(entry) not in new]
    results.write(path, held | {"evaluations": [*kept, *added]})


def evaluate(arguments: argparse.Namespace) -> list[dict]:
    """Run the named evaluators one after another; the figures of each are saved as soon as it is done."""
    with input_errors():
        find_devices()
    held_by(arguments.workdir / "results.json")  # fail before measuring what could not be saved
    config, trained = restore(arguments.workdir)
    dataset = find(config.experiment).data_of(config, load(**config.data), "train")
    mesh = make_mesh(arguments.batch_size)
    run = Measured(
        arguments.workdir,
        config,
        dataset,
        trained,
        jax.random.key(arguments.seed),
        vars(arguments),
        put=partial(jax.device_put, device=split(mesh)),
        progress=partial(track, description="Inception features", console=Console(file=sys.stderr)),
    )
    found = []
    for name in arguments.names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with input_errors():
            figures = EVALUATORS[name](run)
        added = [record(figure, int(trained.state.step), arguments.seed) for figure in figures]
        add(arguments.workdir, added)
        found += added
    return found


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
    try:
        arguments = read_arguments(argv)
        found = evaluate(arguments)
    except (CheckpointError, ConfigError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print_table(found)
    print(f"wrote: {arguments.workdir / 'results.json'}", f"{write_report(arguments.workdir)}", sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
