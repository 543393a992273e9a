"""report.html: a run's figures, protocol, pictures, curves, config and origin on one self-contained page."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from ebmjax.viz import page
from ebmjax.viz.curves import figure, read_curves
from ebmjax.viz.gallery import gallery, while_training
from ebmjax.viz.pictures import replacing
from ebmjax.viz.workdir import WorkDir, flatten, mapping, read_workdir

TOLD_ABOVE = ("experiment", "method", "dataset", "metrics", "baselines", "protocol", "seed", "num_steps", "commit")
TOLD_ABOVE += ("command", "pictures", "evaluations")


def write_report(workdir: str | Path) -> Path:
    """Write report.html into a run's work directory, from the files there alone, and return its path.

    Reads config.json, results.json, metrics.jsonl, diverged.txt, *.png, samples/*.png and baselines/*/metrics.jsonl;
    what is missing or broken becomes a line on the page. The same files give the same page. Raises ValueError if there
    is no folder.
    """
    run = read_workdir(workdir)
    path = run.folder / "report.html"
    head = page.heading(1, title(run)) + identity(run) + page.heading(2, "Figures") + figures(run.results)
    with replacing(path) as temporary:
        Path(temporary).write_text(page.page(title(run), head + sections(run, level=2)), encoding="utf-8")
    return path


def title(run: WorkDir) -> str:
    """The method on the data set."""
    return f"{run.method} on {run.dataset}"


def identity(run: WorkDir) -> str:
    """Why it stopped, if it diverged; method, data set, seed, steps, date and commit, and what is missing."""
    asked = mapping(run.config.get("train")).get("num_steps")
    steps = run.results.get("num_steps", run.step)
    of = f" of {page.number(asked)}" if asked not in (None, steps) else ""
    commit, _, dirty = str(run.results.get("commit", "unknown")).partition("-")
    items = {
        "Method": page.text(run.method),
        "Data set": page.text(run.dataset),
        "Seed": page.text(run.seed),
        "Steps": "unknown" if steps is None else page.number(steps) + of,
        "Date": run.date,
        "Commit": f"<code>{page.text(commit[:12])}</code>" + (" with uncommitted changes" if dirty else ""),
    }
    why = page.note(run.diverged, "warn") if run.diverged else ""
    return why + page.facts(items.items()) + "".join(page.note(line, "warn") for line in run.notes)


def sections(run: WorkDir, level: int) -> str:
    """Everything but a run's identity and figures as HTML, under headings of `level`."""
    drawn = curves(run.folder / "metrics.jsonl")
    # health.png draws what the curves show.
    shown = gallery(
        run.folder, mapping(run.results.get("pictures")), leave_out=("health.png",) if "<svg" in drawn else ()
    )
    early = while_training(run.folder / "samples")
    protocol = run.results.get("protocol")
    added = evaluations(run.results.get("evaluations"))
    parts = {
        "Protocol": f"<p>{page.text(protocol)}</p>" if protocol else page.note("Not recorded."),
        **({"Evaluated afterwards": added} if added else {}),
        "Pictures": shown + (page.details("While it was learning", early) if early else ""),
        "Training curves, with the last value": drawn + baseline_curves(run.folder / "baselines"),
        "Settings": settings(run),
        "Origin": origin(run.results),
        "Reproduce": reproduce(run),
    }
    return "\n".join(page.heading(level, name) + part for name, part in parts.items())


def pair(metrics: Mapping, baselines: Mapping) -> tuple[dict[str, dict], dict]:
    """The baselines that belong beside each metric, {metric: {suffix: value}}, and those that belong to none.

    A baseline repeats the metric's name with a suffix or a prefix; of several the longest is meant. "pca_mse" belongs
    to "test_mse". Else words stand within the name ("accuracy_supervised_mean" to "accuracy_mean"), or in place of one
    or two ("auprc_pca_mean" to "auprc_joint_mean"); it goes where most others agree, two at least.
    """
    beside, rest = {name: {} for name in metrics}, {}
    for key, value in baselines.items():
        fits = [name for name in metrics if key.startswith(f"{name}_") or key.endswith(f"_{name}")]
        if fits:
            name = max(fits, key=len)
            beside[name][key.removeprefix(f"{name}_").removesuffix(f"_{name}")] = value
        elif key == "pca_mse" and "test_mse" in metrics:
            beside["test_mse"]["pca"] = value
        elif found := _differing_words(key, metrics):
            name, words = found
            beside[name][words] = value
        else:
            rest[key] = value
    return beside, rest


def _differing_words(key: str, metrics: Mapping) -> tuple[str, str] | None:
    """(metric, the words of `key` that it has not, or has others for); None where fewer than two agree."""
    words, best = key.split("_"), None
    for name in metrics:
        own = name.split("_")
        shared = min(len(own), len(words))
        head = next((i for i in range(shared) if own[i] != words[i]), shared)
        tail = next((i for i in range(shared - head) if own[-1 - i] != words[-1 - i]), shared - head)
        rank = head + tail, head + tail - len(own)
        if head and rank[0] >= 2 and rank[1] >= -2 and (best is None or rank > best[0]):
            best = rank, name, "_".join(words[head : len(words) - tail])
    return None if best is None else best[1:]


def figures(results: Mapping) -> str:
    """The table of the figures, with what they are to be compared with."""
    rows = figure_rows(mapping(results.get("metrics")), mapping(results.get("baselines")))
    if not rows:
        return page.note("No figures yet.")
    return page.table(("metric", "this run", "compare with"), (f"<tr>{cells}</tr>" for cells in rows), kind="figures")


def figure_rows(metrics: Mapping, baselines: Mapping, papers: Mapping | None = None) -> list[str]:
    """The cells of a table's rows: a metric, its value, and its baselines; at last those that belong to no metric.

    papers: {metric: (value, note)}, for two more cells after ours, the paper's figure and ours less it.
    """
    beside, rest = pair(metrics, baselines)
    item = lambda name, value: f'<li>{page.number(value)} <span class="soft">{page.identifier(name)}</span></li>'
    listed = lambda found: f"<ul>{''.join(item(*pair) for pair in found.items())}</ul>" if found else ""

    def cells(name, ours, value, found):
        paper = "" if papers is None else paper_cells(value, papers.get(name))
        head = f'<th scope="row">{page.identifier(name)}</th><td class="number">{ours}</td>'
        return f'{head}{paper}<td class="beside">{listed(found)}</td>'

    rows = [cells(name, page.number(value), value, beside[name]) for name, value in metrics.items()]
    return rows + ([cells("", "", None, rest)] if rest else [])


def paper_cells(ours, paper: tuple[float, str] | None) -> str:
    """The cells of a paper's figure, with its note, and of the difference; both empty where there is none."""
    if paper is None:
        return "<td></td><td></td>"
    value, note = paper
    known = isinstance(ours, int | float)
    difference = page.number(float(ours) - value) if known else ""
    sign = "+" if known and ours > value else ""
    return (
        f'<td class="paper">{page.number(value)} <span class="soft seed">{page.text(note)}</span></td>'
        f'<td class="number difference">{sign}{difference}</td>'
    )


def evaluations(added) -> str:
    """The figures of `experiments.evaluate`, each with its error, its counts and its protocol; "" without any."""
    rows = []
    for entry in map(mapping, added if isinstance(added, list) else []):
        error = entry.get("standard_error")
        value = page.number(entry.get("value")) + (f" ± {page.number(error)}" if error is not None else "")
        counts = ", ".join(f"{count} {name}" for name, count in mapping(entry.get("counts")).items())
        steps = f"after {entry.get('num_steps')} steps, seed {entry.get('seed')}, {entry.get('time')}"
        how = f'{page.text(entry.get("protocol"))} <span class="soft">{page.text(f"{counts}; {steps}")}</span>'
        head = f'<th scope="row">{page.identifier(entry.get("name", "?"))}</th>'
        rows.append(f'<tr>{head}<td class="number">{value}</td><td>{how}</td></tr>')
    return page.table(("figure", "value ± standard error", "protocol"), rows, kind="figures") if rows else ""


def curves(path: Path) -> str:
    """A small picture for every metric of a metrics.jsonl."""
    found, num_broken = read_curves(path)
    notes = page.note(f"{path.name}: {num_broken} line(s) could not be read.", "warn") if num_broken else ""
    if not found:
        return notes + page.note("No training metrics.")
    return f'{notes}<div class="curves">{"".join(figure(curve) for curve in found)}</div>'


def baseline_curves(folder: Path) -> str:
    """The curves of the baselines trained beside the run, folded."""
    return "".join(page.details(f"Baseline {p.parent.name}", curves(p)) for p in sorted(folder.glob("*/metrics.jsonl")))


def settings(run: WorkDir) -> str:
    """The whole config, folded; fields that the command sets stand out."""
    if not run.config:
        return page.note("No config.")
    words = _words(run.results.get("command"))
    changed = {word.split("=")[0].removeprefix("--config.") for word in words if word.startswith("--config.")}
    value = lambda v: f"<td><code>{page.text(v if isinstance(v, str) else json.dumps(v))}</code></td>"
    rows = [
        page.row(f"<code>{page.identifier(name)}</code>", value(v), kind="changed" if name in changed else "")
        for name, v in flatten(run.config).items()
    ]
    source = next((word.removeprefix("--config=") for word in words if word.startswith("--config=")), None)
    caption = f"In bold: what differs from {source}." if changed and source else ""
    return page.details(f"Config: {len(rows)} fields", page.table(("field", "value"), rows, caption))


def origin(results: Mapping) -> str:
    """Whatever else results.json has: versions, times, the machine."""
    rest = flatten({name: value for name, value in results.items() if name not in TOLD_ABOVE})
    if not rest:
        return page.note("Versions and times are not recorded.")
    label = lambda name: "training seconds" if name == "seconds" else name.removeprefix("versions.").replace("_", " ")
    return page.facts((label(name), page.text(value)) for name, value in rest.items())


def reproduce(run: WorkDir) -> str:
    """The command that repeats the run."""
    command = run.results.get("command")
    if not command:
        return page.note("The command is not recorded.")
    words = " ".join(f"<span>{page.text(word)}</span>" for word in str(command).split(" "))  # broken between words
    return f"<p>From the top of the checkout:</p><pre><code>{words}</code></pre>"


def _words(command) -> list[str]:
    try:
        return shlex.split(str(command or ""))
    except ValueError:
        return []
