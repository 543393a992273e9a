"""One self-contained page of all the runs in a folder: methods and data sets, with everything behind each figure.

python -m experiments.report runs/ --out report.html
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ebmjax.viz import page
from ebmjax.viz.pictures import replacing
from ebmjax.viz.report import figure_rows, identity, pair, sections
from ebmjax.viz.report import figures as all_figures
from ebmjax.viz.workdir import WorkDir, mapping, read_workdir
from experiments.finished import added_figures, papers_of

NUM_SHOWN = 8
"""Figures of a run that stand in the table where it has more."""


def find_runs(folder: str | Path) -> list[WorkDir]:
    """The runs in a folder (or the folder itself), by method, data set and seed. Baselines belong to their run."""
    runs = []
    for place, folders, files in os.walk(folder):
        if {"config.json", "results.json"} & set(files):
            runs.append(read_workdir(place))
            folders.clear()
    return sorted(runs, key=lambda run: (run.method, run.dataset, run.seed, str(run.folder)))


def overview(folder: Path, runs: Sequence[WorkDir], papers: Callable[..., Mapping] = papers_of) -> str:
    """The page: a table with the figures of every run, each followed by what opens to the rest of it.

    papers: (results, config, name of the data set) -> {metric: (value, note)}, shown beside metrics of that name with
    the difference.
    """
    title = f"Runs in {folder.resolve().name}"
    methods, datasets = ({getattr(run, part) for run in runs} for part in ("method", "dataset"))
    counts = f"{_count(runs, 'run')} of {_count(methods, 'method')} on {_count(datasets, 'data set')}."
    header = ("method", "data set", "metric", "this run", "paper", "difference", "compare with")
    rows = (_rows(run, papers(run.results, run.config, run.dataset), folder) for run in runs)
    body = page.heading(1, title) + f'<p class="soft">{counts}</p>' + page.table(header, rows, kind="figures runs")
    return page.page(title, body)


def write_overview(folder: str | Path, out: str | Path) -> list[WorkDir]:
    """Write the page of the runs in `folder` to `out`, and return them. Raises ValueError if there are none."""
    runs = find_runs(folder)
    if not runs:
        raise ValueError(f"there are no runs in {folder}: a run is a folder with a config.json or a results.json")
    with replacing(out) as temporary:
        Path(temporary).write_text(overview(Path(folder), runs), encoding="utf-8")
    return runs


def _rows(run: WorkDir, papers: Mapping, folder: Path) -> str:
    """The rows of one run: its figures, then one across the table that opens.

    Of many figures the first few are shown, with those that a paper has; all of them are in the part that opens.
    """
    added = {name: entry["value"] for name, entry in added_figures(run.results).items()}
    metrics, baselines = {**mapping(run.results.get("metrics")), **added}, mapping(run.results.get("baselines"))
    first = set(list(metrics)[:NUM_SHOWN]) | set(papers)
    shown, everything = {name: value for name, value in metrics.items() if name in first}, ""
    if len(shown) < len(metrics):
        everything = page.heading(2, "All figures") + all_figures(run.results)
        beside, _ = pair(metrics, {name: name for name in baselines})
        wanted = {key for name in shown for key in beside[name].values()}
        baselines = {name: value for name, value in baselines.items() if name in wanted}
    figures = figure_rows(shown, baselines, papers)
    figures = figures or [f'<td colspan="5">{page.note("No figures yet.")}</td>']
    span = f'rowspan="{len(figures)}"'
    seed = f'<span class="soft seed">seed {page.text(run.seed)}</span>'
    whole = f'<th class="whole" scope="row" {span}>{page.identifier(run.method)}</th>'
    whole += f'<td class="whole" {span}>{page.identifier(run.dataset)} {seed}</td>'
    first, *others = figures
    place = run.folder.relative_to(folder).as_posix()
    name = run.folder.resolve().name if place == "." else place
    more = page.details(f"{name}: samples, curves, settings", identity(run) + everything + sections(run, level=2))
    rows = [f"<tr>{whole}{first}</tr>", *(f"<tr>{cells}</tr>" for cells in others)]
    return "".join(rows) + f'<tr><td class="more" colspan="7">{more}</td></tr>'


def _count(things, name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) != 1 else ''}"


def main(argv: Sequence[str] | None = None) -> None:
    """The command line: exit code 2 and one line where there is nothing to show."""
    parser = argparse.ArgumentParser(prog="python -m experiments.report", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the runs, e.g. runs/")
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="the page to write")
    words = parser.parse_args(argv)
    try:
        runs = write_overview(words.folder, words.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {words.out}: {_count(runs, 'run')}, {words.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
