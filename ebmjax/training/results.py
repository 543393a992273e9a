"""results.json: the figures of a run with what is needed to believe them, and the table made from it."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from ebmjax.training.files import write_atomically
from ebmjax.viz.report import pair

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "distrax", "orbax-checkpoint", "numpy", "scikit-learn")


def commit() -> str:
    """Commit of the checkout the package runs from, with -dirty for uncommitted changes; "unknown" outside one."""
    folder = Path(__file__).parent
    try:
        git = lambda *words: subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those that compute."""
    found = {"python": platform.python_version()}
    for name in ("ebmjax", *_PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> str:
    """The devices that compute, and the kind of processor beside them: "1 x NVIDIA H200, x86_64"."""
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}, {platform.machine()}"


def write(path: Path, results: dict) -> None:
    """Write results.json atomically, keys in the order given."""
    write_atomically(path, json.dumps(results, indent=2) + "\n")


def kept(path: Path) -> dict:
    """What `experiments.evaluate` has added to a results.json, which its experiment's own leave there."""
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {"evaluations": held["evaluations"]} if "evaluations" in held else {}


def print_table(path: Path, *, stream=None) -> None:
    """Print the figures of a results.json: ours, then what they are to be compared with."""
    results = json.loads(path.read_text())
    table = Table(
        title=f"{results['experiment']} on {results['dataset']}, seed {results['seed']}", title_justify="left"
    )
    table.add_column("metric")
    table.add_column("ours", justify="right")
    table.add_column("compare with", justify="left")
    beside, rest = pair(results["metrics"], results["baselines"])
    for name, value in results["metrics"].items():
        notes = "\n".join(f"{v:.4g}  {k}" for k, v in beside[name].items())
        table.add_row(name, f"{value:.4g}", notes)
    for name, value in rest.items():
        table.add_row("", "", f"{value:.4g}  {name}")
    Console(file=stream).print(table)
