"""results.json: the figures of a run with their protocol and origin, and the table printed from it."""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from ebmjax.files import write_atomically
from ebmjax.report.workdir import mapping

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
    """Versions of Python, of this package and of the numerical libraries."""
    found = {"python": platform.python_version()}
    for name in ("ebmjax", *_PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> str:
    """The devices and the architecture of the processor: "1 x NVIDIA H200, x86_64"."""
    return f"{jax.device_count()} x {jax.devices()[0].device_kind}, {platform.machine()}"


Figures = dict[str, dict[str, Any]]
"""{arm: {metric: value}} of a method, the arm `OWN`, and of its baselines, with the same names of metrics."""

OWN = ""


def merge(*tables: Figures) -> Figures:
    """Several tables merged into one: the metrics of each arm from all tables, arms in order of first appearance."""
    merged: Figures = {}
    for table in tables:
        for arm, figures in table.items():
            merged[arm] = merged.get(arm, {}) | figures
    return merged


def write_results(path: Path, origin: dict, figures: Figures, protocol: str, **more) -> None:
    """Write results.json and print the table made from it.

    origin: experiment, method, dataset, seed, num_steps, command. figures: of all arms. more: e.g. seconds, pictures,
    paper. Entries that `experiments.evaluate` has added to the file are kept.
    """
    numbers = {arm: {name: float(value) for name, value in found.items()} for arm, found in figures.items() if found}
    results = {name: origin[name] for name in ("experiment", "method", "dataset")}
    results |= {"metrics": numbers.pop(OWN, {}), "baselines": numbers, "protocol": protocol} | origin | more
    results |= {"commit": commit(), "machine": machine(), "versions": versions()}
    results = {name: part for name, part in results.items() if name != "paper" or part}
    write(path, results | kept(path))
    print_table(path)


def write(path: Path, results: dict) -> None:
    """Write results.json atomically, keys in the order given."""
    write_atomically(path, json.dumps(results, indent=2) + "\n")


def kept(path: Path) -> dict:
    """Entries that `experiments.evaluate` has added to a results.json, to keep when the experiment rewrites it."""
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {"evaluations": held["evaluations"]} if "evaluations" in held else {}


def beside(metrics: Mapping, baselines: Mapping) -> dict[str, dict[str, Any]]:
    """{metric: {arm: value}} for every metric, over the baselines {arm: {metric: value}} that have it."""
    names = dict.fromkeys([*metrics, *(name for found in baselines.values() for name in mapping(found))])
    arms = {arm: mapping(found) for arm, found in baselines.items()}
    return {name: {arm: found[name] for arm, found in arms.items() if name in found} for name in names}


def spread(values: Sequence[float] | np.ndarray) -> str:
    """mean ± standard deviation (n - 1 in the denominator), four significant digits of the mean."""
    mean = f"{np.mean(values):.4g}"
    return mean if len(set(values)) == 1 else f"{mean} ± {np.std(values, ddof=1):.2g}"


UNRELIABLE = "†: unreliable, for the importance weights are too uneven (k̂ past its limit): log Z or log p too low."


def marked(value: str, name: str, metrics: Mapping) -> str:
    """The text of a metric's value, with " †" if its importance weights (<metric>_ess) say that it is unreliable.

    That is, if it has no <metric>_error, because k̂ is past its limit; or, of many examples, if more than a tenth of
    them are past it (<metric>_unreliable).
    """
    share = metrics.get(f"{name}_unreliable")
    unknown = f"{name}_error" not in metrics if share is None else share > 0.1
    return value + " †" if unknown and (share is not None or f"{name}_ess" in metrics) else value


def print_table(path: Path, *, stream=None) -> None:
    """Print the figures of a results.json: ours, then those of the other arms."""
    results = json.loads(path.read_text())
    title = f"{results['experiment']} on {results['dataset']}, seed {results['seed']}"
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    table.add_column("ours", justify="right")
    table.add_column("compare with", justify="left")
    metrics = results["metrics"]
    for name, others in beside(metrics, results["baselines"]).items():
        ours = marked(f"{metrics[name]:.4g}", name, metrics) if name in metrics else ""
        of_arm = lambda arm, name=name: marked(f"{others[arm]:.4g}", name, results["baselines"][arm])
        table.add_row(name, ours, "\n".join(f"{of_arm(arm)}  {arm}" for arm in others))
    Console(file=stream).print(table)


def added_figures(results: Mapping, arm: str = OWN) -> dict[str, Mapping]:
    """{name: entry} of one arm that `experiments.evaluate` added at the run's last step; of several, the one with most
    examples.

    If the last step is unknown, the largest of the entries is used. Entries without a name or a number are left out.
    """
    steps, added = results.get("num_steps"), results.get("evaluations")
    found: dict[str, tuple[tuple[float, float], Mapping]] = {}
    for entry in map(mapping, added if isinstance(added, list) else []):
        name, when = entry.get("name"), entry.get("num_steps")
        if not isinstance(name, str) or not is_number(entry.get("value")) or steps not in (None, when):
            continue
        if entry.get("arm", OWN) != arm:
            continue
        counts = sum(filter(is_number, mapping(entry.get("counts")).values()))
        rank = (float(when) if is_number(when) else 0.0, float(counts))
        if name not in found or rank >= found[name][0]:
            found[name] = rank, entry
    return {name: entry for name, (_, entry) in found.items()}


def is_number(value) -> TypeGuard[float]:
    """Whether a value of a JSON file is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
