"""Every kept result: a figure of another arm stands beside ours of the same name, and a paper's beside its own data."""

import json
from pathlib import Path

import pytest

from ebmjax.report.published import paper_of, published
from ebmjax.report.results import beside

ROOT = Path(__file__).parents[2]
KEPT = {
    str(path.relative_to(ROOT / "docs" / "runs")): path for path in sorted((ROOT / "docs" / "runs").rglob("*.json"))
}


@pytest.fixture(scope="module")
def results():
    return {name: json.loads(path.read_text()) for name, path in KEPT.items()}


def test_there_are_results():
    assert len(KEPT) > 80


def test_figures_of_other_arms_stand_beside_ours(results):
    wrong = []
    for name, found in results.items():
        for arm, figures in found["baselines"].items():
            assert isinstance(figures, dict) and arm, f"{name}: baselines[{arm!r}] is no table"
            wrong += [f"{name}: {arm}: {metric}" for metric in figures if metric not in found["metrics"]]
        shown = beside(found["metrics"], found["baselines"])
        assert sum(map(len, shown.values())) == sum(map(len, found["baselines"].values())), name
    assert not wrong, "\n".join(wrong)


def test_protocols_name_every_arm(results):
    """Whoever reads a table finds what an arm is in the protocol below it."""
    wrong = [
        f"{name}: {arm}"
        for name, found in results.items()
        for arm in found["baselines"]
        if arm not in found["protocol"] and arm.replace("_", " ") not in found["protocol"]
    ]
    assert not wrong, "\n".join(wrong)


def test_papers_stand_beside_their_own_data(results):
    for name, found in results.items():
        if "paper" in found:
            assert paper_of({"paper": found["paper"]}, found["dataset"]), f"{name}: {found['dataset']}"
            assert all(isinstance(value, int | float) for value, _ in published(found).values()), name
