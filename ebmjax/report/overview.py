"""One page with the figures of many runs."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ebmjax.files import write_atomically
from ebmjax.report import html
from ebmjax.report.published import published
from ebmjax.report.results import added_figures
from ebmjax.report.run_page import figure_rows, identity, sections
from ebmjax.report.run_page import figures as all_figures
from ebmjax.report.workdir import WorkDir, mapping, read_workdir

NUM_SHOWN = 8
"""Number of figures of a run shown in the table, if it has more."""


def find_runs(folder: str | Path) -> list[WorkDir]:
    """The runs in a folder (or the folder itself) by method, data set and seed. Baselines belong to their run."""
    runs = []
    for place, folders, files in os.walk(folder):
        if {"config.json", "results.json"} & set(files):
            runs.append(read_workdir(place))
            folders.clear()
    return sorted(runs, key=lambda run: (run.method, run.dataset, run.seed, str(run.folder)))


def overview(folder: Path, runs: Sequence[WorkDir]) -> str:
    """The page: a table with the figures of every run, each followed by a row that opens to its other parts.

    The paper's figures are shown beside the metrics of the same names, with the difference.
    """
    title = f"Runs in {folder.resolve().name}"
    methods, datasets = ({getattr(run, part) for run in runs} for part in ("method", "dataset"))
    counts = f"{_count(runs, 'run')} of {_count(methods, 'method')} on {_count(datasets, 'data set')}."
    header = ("method", "data set", "metric", "this run", "paper", "difference", "compare with")
    rows = (_rows(run, published(run.results), folder) for run in runs)
    body = html.heading(1, title) + f'<p class="soft">{counts}</p>' + html.table(header, rows, kind="figures runs")
    return html.page(title, body)


def write_overview(folder: str | Path, out: str | Path) -> list[WorkDir]:
    """Write the page of the runs in `folder` to `out`, and return them. Raises ValueError if there are none."""
    runs = find_runs(folder)
    if not runs:
        raise ValueError(f"no runs in {folder}: a run is a folder with a config.json or a results.json")
    write_atomically(Path(out), overview(Path(folder), runs))
    return runs


def _rows(run: WorkDir, papers: Mapping, folder: Path) -> str:
    """The rows of one run: its figures, then a row across the table that opens.

    Of many figures only the first few and those that the paper has are shown; the row that opens has all.
    """
    added = {name: entry["value"] for name, entry in added_figures(run.results).items()}
    metrics, baselines = {**mapping(run.results.get("metrics")), **added}, mapping(run.results.get("baselines"))
    first = set(list(metrics)[:NUM_SHOWN]) | set(papers)
    shown, everything = {name: value for name, value in metrics.items() if name in first}, ""
    if len(shown) < len(metrics):
        everything = html.heading(2, "All figures") + all_figures(run.results)
    arms = {arm: {name: found[name] for name in shown if name in mapping(found)} for arm, found in baselines.items()}
    figures = figure_rows(shown, arms, papers)
    figures = figures or [f'<td colspan="5">{html.note("No figures yet.")}</td>']
    span = f'rowspan="{len(figures)}"'
    seed = f'<span class="soft seed">seed {html.text(run.seed)}</span>'
    whole = f'<th class="whole" scope="row" {span}>{html.identifier(run.method)}</th>'
    whole += f'<td class="whole" {span}>{html.identifier(run.dataset)} {seed}</td>'
    first, *others = figures
    place = run.folder.relative_to(folder).as_posix()
    name = run.folder.resolve().name if place == "." else place
    more = html.details(f"{name}: samples, curves, settings", identity(run) + everything + sections(run, level=2))
    rows = [f"<tr>{whole}{first}</tr>", *(f"<tr>{cells}</tr>" for cells in others)]
    return "".join(rows) + f'<tr><td class="more" colspan="7">{more}</td></tr>'


def _count(things, name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) != 1 else ''}"
