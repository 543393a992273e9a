"""report.html: a run's figures, protocol, pictures, curves, config and origin on one self-contained page."""

import json
from collections.abc import Mapping
from pathlib import Path

from ebmjax.files import write_atomically
from ebmjax.report import html
from ebmjax.report.commands import words_of
from ebmjax.report.curves import figure, read_curves
from ebmjax.report.gallery import gallery, while_training
from ebmjax.report.published import published
from ebmjax.report.results import UNRELIABLE, beside, marked
from ebmjax.report.workdir import WorkDir, flatten, mapping, read_workdir

TOLD_ABOVE = ("experiment", "method", "dataset", "metrics", "baselines", "protocol", "seed", "num_steps", "commit")
TOLD_ABOVE += ("command", "pictures", "evaluations", "paper")


def write_report(workdir: str | Path) -> Path:
    """Write report.html into a run's work directory, only from the files there, and return its path.

    Reads config.json, results.json, metrics.jsonl, diverged.txt, *.png, samples/*.png and baselines/*/metrics.jsonl;
    missing or broken files become a line on the page. The same files give the same page. Raises ValueError if the
    folder does not exist.
    """
    run = read_workdir(workdir)
    path = run.folder / "report.html"
    head = html.heading(1, title(run)) + identity(run) + html.heading(2, "Figures") + figures(run.results)
    write_atomically(Path(path), html.page(title(run), head + sections(run, level=2)))
    return path


def title(run: WorkDir) -> str:
    """The method on the data set."""
    return f"{run.method} on {run.dataset}"


def identity(run: WorkDir) -> str:
    """The cause of a divergence, if any; method, data set, seed, steps, date, commit; notes about missing files."""
    asked = mapping(run.config.get("train")).get("num_steps")
    steps = run.results.get("num_steps", run.step)
    of = f" of {html.number(asked)}" if asked not in (None, steps) else ""
    commit, _, dirty = str(run.results.get("commit", "unknown")).partition("-")
    items = {
        "Method": html.text(run.method),
        "Data set": html.text(run.dataset),
        "Seed": html.text(run.seed),
        "Steps": "unknown" if steps is None else html.number(steps) + of,
        "Date": run.date,
        "Commit": f"<code>{html.text(commit[:12])}</code>" + (" with uncommitted changes" if dirty else ""),
    }
    why = html.note(run.diverged, "warn") if run.diverged else ""
    return why + html.facts(items.items()) + "".join(html.note(line, "warn") for line in run.notes)


def sections(run: WorkDir, level: int) -> str:
    """Everything but a run's identity and figures as HTML, under headings of `level`."""
    drawn = curves(run.folder / "metrics.jsonl")
    # health.png shows the same metrics as the curves.
    shown = gallery(
        run.folder, mapping(run.results.get("pictures")), leave_out=("health.png",) if "<svg" in drawn else ()
    )
    early = while_training(run.folder / "samples")
    protocol = run.results.get("protocol")
    added = evaluations(run.results.get("evaluations"))
    parts = {
        "Protocol": f"<p>{html.text(protocol)}</p>" if protocol else html.note("Not recorded."),
        **({"Evaluated afterwards": added} if added else {}),
        "Pictures": shown + (html.details("While it was learning", early) if early else ""),
        "Training curves, with the last value": drawn + baseline_curves(run.folder / "baselines"),
        "Settings": settings(run),
        "Origin": origin(run.results),
        "Reproduce": reproduce(run),
    }
    return "\n".join(html.heading(level, name) + part for name, part in parts.items())


def figures(results: Mapping) -> str:
    """The table of figures, with those of the run's paper, if any, and of the other arms."""
    papers = published(results) or None
    rows = figure_rows(mapping(results.get("metrics")), mapping(results.get("baselines")), papers)
    if not rows:
        return html.note("No figures yet.")
    header = ("metric", "this run", *(("paper", "difference") if papers else ()), "compare with")
    note = html.note(UNRELIABLE) if any(" †" in row for row in rows) else ""
    return html.table(header, (f"<tr>{cells}</tr>" for cells in rows), kind="figures") + note


def figure_rows(metrics: Mapping, baselines: Mapping, papers: Mapping | None = None) -> list[str]:
    """The cells of a table's rows: a metric, its value, and those of the other arms {arm: {metric: value}}.

    papers: {metric: (value, note)}, for two more cells: the paper's figure, and our figure minus the paper's.
    """
    number = lambda arm, value, name: marked(html.number(value), name, mapping(baselines[arm]))
    item = lambda arm, *found: f'<li>{number(arm, *found)} <span class="soft">{html.identifier(arm)}</span></li>'

    def cells(name, arms):
        ours = marked(html.number(metrics[name]), name, metrics) if name in metrics else ""
        paper = "" if papers is None else paper_cells(metrics.get(name), papers.get(name))
        listed = f"<ul>{''.join(item(*pair, name) for pair in arms.items())}</ul>" if arms else ""
        head = f'<th scope="row">{html.identifier(name)}</th><td class="number">{ours}</td>'
        return f'{head}{paper}<td class="beside">{listed}</td>'

    return [cells(name, arms) for name, arms in beside(metrics, baselines).items()]


def paper_cells(ours, paper: tuple[float, str] | None) -> str:
    """The cells of a paper's figure, with its note, and of the difference; both empty without such a figure."""
    if paper is None:
        return "<td></td><td></td>"
    value, note = paper
    known = isinstance(ours, int | float)
    difference = html.number(float(ours) - value) if known else ""
    sign = "+" if known and ours > value else ""
    return (
        f'<td class="paper">{html.number(value)} <span class="soft seed">{html.text(note)}</span></td>'
        f'<td class="number difference">{sign}{difference}</td>'
    )


def evaluations(added) -> str:
    """The figures of `experiments.evaluate`, each with its error, counts and protocol; "" if there are none."""
    rows = []
    for entry in map(mapping, added if isinstance(added, list) else []):
        error = entry.get("standard_error")
        value = html.number(entry.get("value")) + (f" ± {html.number(error)}" if error is not None else "")
        counts = ", ".join(f"{count} {name}" for name, count in mapping(entry.get("counts")).items())
        steps = f"after {entry.get('num_steps')} steps, seed {entry.get('seed')}, {entry.get('time')}"
        how = f'{html.text(entry.get("protocol"))} <span class="soft">{html.text(f"{counts}; {steps}")}</span>'
        name = ", ".join(str(part) for part in (entry.get("name", "?"), entry.get("arm")) if part)
        head = f'<th scope="row">{html.identifier(name)}</th>'
        rows.append(f'<tr>{head}<td class="number">{value}</td><td>{how}</td></tr>')
    return html.table(("figure", "value ± standard error", "protocol"), rows, kind="figures") if rows else ""


def curves(path: Path) -> str:
    """A small picture for every metric of a metrics.jsonl."""
    found, num_broken = read_curves(path)
    notes = html.note(f"{path.name}: {num_broken} line(s) could not be read.", "warn") if num_broken else ""
    if not found:
        return notes + html.note("No training metrics.")
    return f'{notes}<div class="curves">{"".join(figure(curve) for curve in found)}</div>'


def baseline_curves(folder: Path) -> str:
    """The curves of the baselines trained beside the run, folded."""
    return "".join(html.details(f"Baseline {p.parent.name}", curves(p)) for p in sorted(folder.glob("*/metrics.jsonl")))


def settings(run: WorkDir) -> str:
    """The whole config, folded; fields set by the command are in bold."""
    if not run.config:
        return html.note("No config.")
    words = words_of(run.results.get("command"))
    changed = {word.split("=")[0].removeprefix("--config.") for word in words if word.startswith("--config.")}
    value = lambda v: f"<td><code>{html.text(v if isinstance(v, str) else json.dumps(v))}</code></td>"
    rows = [
        html.row(f"<code>{html.identifier(name)}</code>", value(v), kind="changed" if name in changed else "")
        for name, v in flatten(run.config).items()
    ]
    source = next((word.removeprefix("--config=") for word in words if word.startswith("--config=")), None)
    caption = f"In bold: what differs from {source}." if changed and source else ""
    return html.details(f"Config: {len(rows)} fields", html.table(("field", "value"), rows, caption))


def origin(results: Mapping) -> str:
    """The other entries of results.json: versions, times, the machine."""
    rest = flatten({name: value for name, value in results.items() if name not in TOLD_ABOVE})
    if not rest:
        return html.note("Versions and times are not recorded.")
    label = lambda name: "training seconds" if name == "seconds" else name.removeprefix("versions.").replace("_", " ")
    return html.facts((label(name), html.text(value)) for name, value in rest.items())


def reproduce(run: WorkDir) -> str:
    """The command that repeats the run."""
    command = run.results.get("command")
    if not command:
        return html.note("The command is not recorded.")
    words = " ".join(f"<span>{html.text(word)}</span>" for word in str(command).split(" "))  # broken between words
    return f"<p>From the top of the checkout:</p><pre><code>{words}</code></pre>"
