"""docs/results.md, docs/claims.md and the tables of docs/methods/*.md, made from the runs that are kept in docs/runs/.

    python -m experiments.tables --add RUN [RUN ...]   # keep the results.json of finished runs, then write the tables
    python -m experiments.tables                       # write them from what is kept
    python -m experiments.tables --check               # exit code 1 if a table is out of date

A kept result is a run's results.json without what belongs to its folder (paths, pictures). Runs of one command that
differ only in their seed share a table: mean ± standard deviation over the seeds.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ebmjax.report import claims
from ebmjax.report.commands import label_of, values_of, without_seed
from ebmjax.report.published import published
from ebmjax.report.results import UNRELIABLE, added_figures, marked, spread
from ebmjax.report.workdir import mapping

ROOT = Path(__file__).parents[1]
RUNS, METHODS, RESULTS = (ROOT / "docs" / name for name in ("runs", "methods", "results.md"))
CLAIMS = ROOT / "docs" / "claims.md"
KEPT = ("experiment", "method", "dataset", "metrics", "baselines", "protocol", "seed", "num_steps", "rollbacks")
KEPT += ("seconds", "baseline_seconds", "evaluation_seconds", "machine", "commit", "command", "versions", "evaluations")
KEPT += ("paper",)
BEGIN, END = "<!-- tables: made by experiments.tables -->", "<!-- end of the tables -->"
HEAD = """# Results

An index of the runs that are kept in docs/runs/, made by `python -m experiments.tables`. Each card has the tables of
its method, and what was seen beside the figures. Two shared virtual CPU cores, no GPU, last parameters, no selection
among evaluations, unless a table says otherwise; settings were chosen on seed 0. Figures are means ± standard
deviations over the seeds. Minutes count baselines only where a table says so, and then also flows and the other
trainings of anomaly detection. The protocol of each figure stands under its table. A paper's figure stands beside ours
only where both follow one protocol.

| run | seeds | iterations | commit | card |
|---|---|---|---|---|
"""


def public(command: str) -> str:
    """A command without private folders: absolute paths keep only their last part."""
    return re.sub(r"(?<![\w.])/(?:[\w.\-]+/)+", "", command)


def keep(run: Path) -> Path:
    """Copy the results of a finished run into docs/runs/. Raises ValueError for a folder without them, or for one whose
    checkout had uncommitted changes."""
    path = run / "results.json"
    if not path.exists():
        raise ValueError(f"{run} holds no results.json: finish its evaluation first")
    found = json.loads(path.read_text())
    if not found.get("command"):
        raise ValueError(f"{path} has no command that repeats the run: start the run again with --config=FILE")
    if not all(isinstance(figures, Mapping) for figures in found["baselines"].values()):
        raise ValueError(f"{path} is of an earlier version: evaluate the run again with --mode=evaluate")
    if found["commit"].endswith("-dirty"):
        raise ValueError(f"{path} is of a checkout with uncommitted changes: train it from a commit")
    found["command"], found["protocol"] = public(found["command"]), public(found["protocol"])
    found["dataset"] = public(found["dataset"])
    label, seed = label_of(found["command"])
    target = RUNS / found["experiment"] / f"{label}-{seed}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    held = {name: found[name] for name in KEPT if name in found}
    if target.exists() and json.loads(target.read_text())["command"] != found["command"]:
        raise ValueError(f"{target} holds another run, {json.loads(target.read_text())['command']}")
    target.write_text(json.dumps(held, indent=1) + "\n")
    return target


def groups() -> dict[str, dict[str, list[dict]]]:
    """{experiment: {label: kept results, by seed}}."""
    found: dict[str, dict[str, list[dict]]] = {}
    for path in sorted(RUNS.glob("*/*.json")):
        results = json.loads(path.read_text())
        label = path.stem.rsplit("-", 1)[0]
        found.setdefault(results["experiment"], {}).setdefault(label, []).append(results)
    return {name: {k: sorted(v, key=lambda r: r["seed"]) for k, v in of.items()} for name, of in found.items()}


def table(label: str, runs: Sequence[Mapping]) -> str:
    """The section of one command: the command, its conditions, figures and protocol."""
    first = runs[0]
    added = [added_figures(run) for run in runs]
    metrics = [run["metrics"] | {name: e["value"] for name, e in more.items()} for run, more in zip(runs, added)]

    def of(tables, name):
        having = [t for t in tables if name in t]
        told = spread([t[name] for t in having]) + (f" (n = {len(having)})" if len(having) < len(runs) else "")
        return max((marked(told, name, t) for t in having), key=len)

    arms = dict.fromkeys(arm for run in runs for arm in run["baselines"])
    papers = published(first)
    lines = ["| figure | ours | paper | compare with |", "|---|---|---|---|"]
    others = {arm: [of_arm(run, arm) for run in runs] for arm in arms}
    for name in dict.fromkeys(name for found in metrics for name in found):
        listed = "; ".join(f"{of(o, name)} {arm}" for arm, o in others.items() if any(name in found for found in o))
        paper = f"{papers[name][0]:g}" if name in papers else ""
        lines.append(f"| {name} | {of(metrics, name)} | {paper} | {listed} |")
    notes = sorted({note for name, (_, note) in papers.items() if any(name in found for found in metrics)})
    if any(" †" in line for line in lines):
        lines += ["", UNRELIABLE]
    told = [f"`{without_seed(first['command'])}`", "", conditions(runs), "", *lines, "", first["protocol"]]
    joined = {name: entry for more in added for name, entry in more.items()}
    told += [f"{name}: {entry.get('protocol')}; {counted(entry)}." for name, entry in joined.items()]
    return "\n".join(told + ([f"Paper: {'; '.join(notes)}."] if notes else []) + [""])


def of_arm(run: Mapping, arm: str) -> dict[str, float]:
    """The figures of another arm, with those that experiments.evaluate added."""
    return run["baselines"].get(arm, {}) | {name: entry["value"] for name, entry in added_figures(run, arm).items()}


def counted(entry: Mapping) -> str:
    """The counts behind a figure, as text."""
    return ", ".join(f"{count:,} {name}" for name, count in mapping(entry.get("counts")).items())


def conditions(runs: Sequence[Mapping]) -> str:
    """Seeds, steps (of how many planned, if stopped early), time, machine and commits of a table."""
    first = runs[0]
    steps = sorted({run["num_steps"] for run in runs})
    timed = all("seconds" in run for run in runs)  # chains on a known target are not trained
    known = all("baseline_seconds" in run for run in runs)  # results of before 2026-11-26 lack it
    parts = ("seconds", "baseline_seconds", "evaluation_seconds") if known else ("seconds", "evaluation_seconds")
    minutes = [sum(run[part] for part in parts) / 60 for run in runs if timed]
    of = "training, baselines and evaluation" if known else "training and evaluation"
    told = f", {spread(minutes)} wall minutes of {of}" if timed else ""
    machines = sorted({run.get("machine", "1 x cpu").split(",")[0] for run in runs})
    told += "" if machines == ["1 x cpu"] else f", on {' and '.join(machines)}"
    rolled = sum(run.get("rollbacks", 0) for run in runs)
    commits = ", ".join(sorted({run["commit"][:7] for run in runs}))
    seeds = ("Seeds " if len(runs) > 1 else "Seed ") + ", ".join(str(run["seed"]) for run in runs)
    length = ", ".join(f"{n:,}" for n in steps)
    asked = values_of(first["command"], "--config.train.num_steps")
    length += f" of {int(asked[-1]):,}" if asked and int(asked[-1]) > steps[-1] else ""
    return f"{seeds}; {length} iterations{told}; commit {commits}." + (
        f" Rolled back {rolled} times." if rolled else ""
    )


def sections(of: Mapping[str, Sequence[Mapping]], level: int) -> str:
    """The tables of one experiment under headings of `level`."""
    return "\n".join(f"{'#' * level} {label}\n{table(label, runs)}" for label, runs in of.items())


def cards() -> dict[Path, list[tuple[str, str]]]:
    """{card: [(experiment, method or "" for all)]} of its tables, from the text above them: "`experiments.vera`", or
    "`experiments.vera` with config.method = jem"."""
    found = {}
    for path in sorted(METHODS.glob("*.md")):
        text = path.read_text()
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            raise ValueError(f"{path.name} must hold the lines {BEGIN!r} and {END!r} once each")
        named = re.findall(r"`experiments\.(\w+)`(?:\s+with\s+config\.method\s=\s(\w+))?", text.split(BEGIN)[0])
        found[path] = list(dict.fromkeys(named))
    return found


def of_card(found: Mapping, experiment: str, method: str) -> dict[str, list[dict]]:
    """{label: kept results} of an experiment, with method "" of all its methods."""
    kept = found.get(experiment, {})
    return {label: runs for label, runs in kept.items() if method in ("", runs[0]["method"])}


def pages() -> dict[Path, str]:
    """{file: what it should hold}: docs/results.md, docs/claims.md, and every card with its tables renewed."""
    found, made, rows = groups(), {}, {}
    for path, named in cards().items():
        tables = ""
        for experiment, method in named:
            if of := of_card(found, experiment, method):
                tables += f"\n### {experiment}\n{sections(of, 4)}"
                rows |= {(experiment, label): index_row(experiment, label, runs, path) for label, runs in of.items()}
        before, rest = path.read_text().split(BEGIN)
        made[path] = before + BEGIN + "\n" + (tables or "\nNothing is kept yet.\n") + END + rest.split(END)[1]
    kept = {(experiment, label) for experiment, of in found.items() for label in of}
    if missing := kept - rows.keys():
        raise ValueError(f"no card in {METHODS.name}/ names the experiments of these kept results: {sorted(missing)}")
    by_label = {f"{experiment}/{label}": runs for experiment, of in found.items() for label, runs in of.items()}
    claimed = claims.page(claims.read_claims(CLAIMS.with_suffix(".toml")), by_label)
    return {RESULTS: HEAD + "\n".join(rows[key] for key in sorted(rows)) + "\n", CLAIMS: claimed} | made


def index_row(experiment: str, label: str, runs: Sequence[Mapping], card: Path) -> str:
    """A line of docs/results.md."""
    steps = ", ".join(f"{n:,}" for n in sorted({run["num_steps"] for run in runs}))
    commits = ", ".join(sorted({run["commit"][:7] for run in runs}))
    seeds = ", ".join(str(run["seed"]) for run in runs)
    link = f"[{card.stem}]({card.parent.name}/{card.name})"
    return f"| {experiment}: {label} | {seeds} | {steps} | {commits} | {link} |"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Exit code: 0, 1 if a page is stale, 2 if a result cannot be kept."""
    parser = argparse.ArgumentParser(
        "python -m experiments.tables", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--add", nargs="+", type=Path, default=[], metavar="RUN", help="work directories")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args(argv)
    try:
        for run in arguments.add:
            print(f"kept {keep(run).relative_to(ROOT)}")
        made = pages()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if arguments.check:
            print(f"{path.relative_to(ROOT)} is stale: run python -m experiments.tables", file=sys.stderr)
            continue
        try:
            path.write_text(made[path])
        except OSError as error:
            print(f"error: {path} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
        print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
