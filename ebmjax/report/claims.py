"""docs/claims.md: headline claims of the papers, each with its figures from kept runs and the verdict they give.

What is claimed and which figures test it stand in docs/claims.toml; figures and verdicts are computed here.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ebmjax.report.commands import without_seed
from ebmjax.report.results import spread

SHOWN, TIE, FAILS, OPEN = "shown", "tie", "fails", "not decided"
MIN_SEEDS = 3

HEAD = """# What the papers claim, and what was found here

One row for each headline claim, made by `python -m experiments.tables` from the runs in docs/runs/ and the text in
docs/claims.toml. A claim is tested by comparisons of two figures over seeds. A comparison is **shown** if ours is
better on every seed and the mean difference exceeds two standard errors, **fails** if it is worse in the same sense,
and is otherwise a **tie**; with fewer than three seeds it is **not decided**. A claim has the verdict on which all its
comparisons agree, else "in part". Figures are means ± standard deviations over seeds; → says which way is better. Sizes
are those of a CPU: a claim that fails here may hold at the published size.

"""


class Comparison(NamedTuple):
    """One figure of a kept run against another, over seeds.

    run: "experiment/label" of docs/runs. metric: its name. against: an arm of the same run, another run, "self" (the
    same figures under metric_against), or a number. metric_against: the other's metric. better: "lower" or "higher".
    factor: ours is compared with factor · theirs. arm: of ours, "" the method itself.
    """

    run: str
    metric: str
    against: str | float
    metric_against: str
    better: str = "lower"
    factor: float = 1.0
    arm: str = ""


class Claim(NamedTuple):
    """One row. claim, where, test, published: text. note: said where figures do not decide. comparisons: its test."""

    paper: str
    claim: str
    where: str
    test: str
    published: str
    note: str
    comparisons: tuple[Comparison, ...]


def read_claims(path: Path) -> list[Claim]:
    """The claims of a TOML file. Raises ValueError for a field that is unknown or missing."""
    found = []
    for entry in tomllib.loads(path.read_text())["claim"]:
        figures = entry.pop("figure", [])
        try:
            tests = tuple(Comparison(**{"metric_against": figure.get("metric"), **figure}) for figure in figures)
            found.append(Claim(**{"note": "", **entry}, comparisons=tests))
        except TypeError as error:
            raise ValueError(f"{path.name}: {entry.get('claim', 'a claim')}: {error}") from None
        if wrong := [c.better for c in tests if c.better not in ("lower", "higher")]:
            raise ValueError(f"{path.name}: better = {wrong[0]!r} must be 'lower' or 'higher'")
    return found


def by_seed(runs: Sequence[Mapping], arm: str, metric: str) -> dict[int, float]:
    """{seed: figure} of one arm ("" is the method itself), of the seeds that have it."""
    tables = {run["seed"]: run["metrics"] if not arm else run["baselines"].get(arm, {}) for run in runs}
    return {seed: table[metric] for seed, table in tables.items() if metric in table}


def paired(comparison: Comparison, kept: Mapping[str, Sequence[Mapping]]) -> tuple[np.ndarray, np.ndarray]:
    """(ours, theirs) on the seeds that both have. Raises ValueError where there are none."""
    runs, against = kept.get(comparison.run, ()), comparison.against
    ours = by_seed(runs, comparison.arm, comparison.metric)
    if not isinstance(against, str):
        theirs = dict.fromkeys(ours, float(against))
    elif against == "self":
        theirs = by_seed(runs, comparison.arm, comparison.metric_against)
    else:
        other, arm = (kept[against], "") if against in kept else (runs, against)
        theirs = by_seed(other, arm, comparison.metric_against)
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        raise ValueError(f"no kept run has both figures of {comparison}")
    return np.array([ours[s] for s in seeds]), np.array([theirs[s] for s in seeds])


def decide(gains: np.ndarray) -> str:
    """The verdict on paired gains (> 0 where ours is better), one for each seed."""
    if len(gains) < MIN_SEEDS:
        return f"{OPEN} ({len(gains)} seed{'s' if len(gains) > 1 else ''})"
    far = np.abs(np.mean(gains)) > 2 * np.std(gains, ddof=1) / np.sqrt(len(gains))
    if far and np.all(gains > 0):
        return SHOWN
    return FAILS if far and np.all(gains < 0) else TIE


def verdict_of(comparison: Comparison, kept: Mapping[str, Sequence[Mapping]]) -> str:
    """The verdict of one comparison."""
    ours, theirs = paired(comparison, kept)
    sign = 1.0 if comparison.better == "lower" else -1.0
    return decide(sign * (comparison.factor * theirs - ours))


def figures_of(comparison: Comparison, kept: Mapping[str, Sequence[Mapping]]) -> str:
    """The two figures and the verdict, in a line."""
    ours, theirs = paired(comparison, kept)
    against, factor = comparison.against, comparison.factor
    name = comparison.metric_against if against == "self" else against if isinstance(against, str) else "limit"
    times = "" if factor == 1 else f"{factor:g} × "
    arrow = "→ lower" if comparison.better == "lower" else "→ higher"
    seeds = f"{len(ours)} seed{'s' if len(ours) > 1 else ''}"
    own = f"{comparison.metric} of {comparison.arm}" if comparison.arm else comparison.metric
    line = f"{own} {spread(ours)}, {times}{name} {spread(theirs)} ({arrow}, {seeds})"
    return f"{line}: {verdict_of(comparison, kept)}"


def verdict(claim: Claim, kept: Mapping[str, Sequence[Mapping]]) -> str:
    """Of a claim: that of its comparisons where they agree. Without comparisons: not shown at this size."""
    found = [verdict_of(comparison, kept) for comparison in claim.comparisons]
    if not found:
        return "not shown"
    if len(set(found)) == 1:
        return found[0]
    counts = {kind: sum(one.startswith(kind) for one in found) for kind in (SHOWN, TIE, FAILS, OPEN)}
    return "in part: " + ", ".join(f"{num} {kind}" for kind, num in counts.items() if num)


def sources(claim: Claim, kept: Mapping[str, Sequence[Mapping]]) -> str:
    """Commands of the claim's runs without their seeds, and commits."""
    lines = []
    for name in dict.fromkeys(comparison.run for comparison in claim.comparisons):
        runs = kept[name]
        commits = ", ".join(sorted({run["commit"][:7] for run in runs}))
        lines.append(f"`{without_seed(runs[0]['command'])}` ({commits})")
    return "<br>".join(lines) or "-"


def page(claims: Sequence[Claim], kept: Mapping[str, Sequence[Mapping]]) -> str:
    """The text of docs/claims.md. kept: {"experiment/label": results, by seed}."""
    text = HEAD + "| paper | claim | verdict |\n|---|---|---|\n"
    text += "".join(f"| {c.paper} | {c.claim} | **{verdict(c, kept)}** |\n" for c in claims)
    for claim in claims:
        lines = "".join(f"- {figures_of(comparison, kept)}\n" for comparison in claim.comparisons)
        text += f"\n## {claim.paper}: {claim.claim}\n{claim.where}.\n\n"
        text += f"**{verdict(claim, kept)}**. Test here: {claim.test}\n\n{lines}"
        text += (f"\n{claim.note}\n" if claim.note else "") + f"\nCommand: {sources(claim, kept)}\n"
        text += f"\nPublished size: {claim.published}\n"
    return text
