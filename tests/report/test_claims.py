"""docs/claims.md: verdicts on made-up seeds, what its text names, and figures that come from kept runs alone."""

import re
from pathlib import Path

import numpy as np
import pytest

from ebmjax.report import claims
from experiments.tables import CLAIMS, groups

ROOT = Path(__file__).parents[2]
FOUND = claims.read_claims(CLAIMS.with_suffix(".toml"))
BASE = claims.Comparison("a/b", "error", "other", "error")


def runs(ours, theirs):
    return [
        {"seed": i, "metrics": {"error": x, "own": 2.0}, "baselines": {"other": {"error": y}, "third": {"error": 9.0}}}
        for i, (x, y) in enumerate(zip(ours, theirs, strict=True))
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ([1.0, 1.1, 0.9], [2.0, 2.1, 2.0], "shown"),
        ([2.0, 2.1, 2.0], [1.0, 1.1, 0.9], "fails"),
        ([1.0, 2.0, 0.9], [1.1, 1.0, 1.2], "tie"),
        ([1.0, 1.0, 1.0], [1.001, 5.0, 1.001], "tie"),  # better on every seed, but one carries the mean
        ([1.0, 1.0], [2.0, 2.0], "not decided (2 seeds)"),
        ([1.0], [2.0], "not decided (1 seed)"),
    ],
)
def test_verdicts(ours, theirs, told):
    kept = {"a/b": runs(ours, theirs)}
    assert claims.verdict_of(BASE, kept) == told
    turned = {"shown": "fails", "fails": "shown"}
    assert claims.verdict_of(BASE._replace(better="higher"), kept) == turned.get(told, told)


def test_what_a_figure_is_compared_with():
    kept = {"a/b": runs([1.0, 1.2, 1.1], [1.5, 1.6, 1.7]), "a/c": runs([5.0, 5.1], [0.0, 0.0])}
    pair = lambda **changed: [list(v) for v in claims.paired(BASE._replace(**changed), kept)]
    assert pair() == [[1.0, 1.2, 1.1], [1.5, 1.6, 1.7]]
    assert pair(against=3) == [[1.0, 1.2, 1.1], [3.0] * 3]
    assert pair(against="a/c") == [[1.0, 1.2], [5.0, 5.1]]  # on the seeds of both
    assert pair(against="self", metric_against="own")[1] == [2.0] * 3
    assert pair(arm="third")[0] == [9.0] * 3
    assert claims.verdict_of(BASE._replace(factor=0.5), kept) == "fails"  # 1.1 is not below half of 1.6
    with pytest.raises(ValueError, match="no kept run"):
        pair(against="nobody")


def test_a_claim_has_the_verdict_of_its_comparisons():
    kept = {"a/b": runs([1.0, 1.1, 0.9], [2.0, 2.1, 2.0])}
    claim = claims.Claim("p", "c", "w", "t", "size", "", (BASE, BASE))
    assert claims.verdict(claim, kept) == "shown"
    mixed = claim._replace(comparisons=(BASE, BASE._replace(better="higher")))
    assert claims.verdict(mixed, kept) == "in part: 1 shown, 1 fails"
    assert claims.verdict(claim._replace(comparisons=()), kept) == "not shown"


def test_a_wrong_file_is_refused(tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text('[[claim]]\nclaim = "x"\nwere = "typo"\n')
    with pytest.raises(ValueError, match="claims.toml: x: "):
        claims.read_claims(path)
    path.write_text((ROOT / "docs" / "claims.toml").read_text().replace('better = "higher"', 'better = "more"', 1))
    with pytest.raises(ValueError, match="'more' must be 'lower' or 'higher'"):
        claims.read_claims(path)


def test_every_paper_has_a_row_and_every_file_exists():
    named = set(re.findall(r"\d{4}\.\d{5}", " ".join(claim.paper for claim in FOUND)))
    cards = set(re.findall(r"(\d{4}\.\d{5})", "".join(p.read_text() for p in (ROOT / "docs/methods").glob("*.md"))))
    assert len(named) >= 13 and named <= cards
    for name in re.findall(r"configs/[\w/]+\.py", CLAIMS.with_suffix(".toml").read_text()):
        assert (ROOT / name).exists(), name


def test_no_figure_is_written_by_hand():
    """Decimals in the text would be figures that no run renews; 1.5 × and the like stand in the comparisons."""
    for claim in FOUND:
        for text in (claim.test, claim.note):
            assert not re.search(r"\d*\.\d", text), text


def test_figures_are_those_of_the_runs():
    kept = {f"{e}/{label}": of for e, labels in groups().items() for label, of in labels.items()}
    comparison = next(c for claim in FOUND for c in claim.comparisons if c.run == "latent_ebm/digits_opponents")
    values = [run["metrics"]["frechet_features"] for run in kept[comparison.run]]
    assert f"frechet_features {np.mean(values):.4g} ± " in claims.figures_of(comparison, kept)
