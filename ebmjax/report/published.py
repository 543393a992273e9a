"""Published figures of a run's paper, to compare with the run's own.

They are in the section `paper` of a config: source (paper and table), protocol (the one of the figures, and what the
source leaves open), data (names of their data sets) and figures, {metric: value} with the names of our metrics measured
by the same protocol. Figures of other protocols are only mentioned in the config's docstring.
"""

from collections.abc import Mapping
from pathlib import Path

from ebmjax.report.results import is_number
from ebmjax.report.workdir import mapping


def paper_of(config: Mapping, dataset: str) -> dict:
    """config["paper"] if the run is on the paper's data, else {}.

    dataset: its name; a file, as in "npz:PATH", counts as the data set of its name: "mnist.npz" as mnist.
    """
    paper = mapping(config.get("paper"))
    kind, _, path = dataset.partition(":")
    name = Path(path).name.split(".")[0] if path and kind != "fake" else dataset
    return dict(paper) if name in paper.get("data", ()) else {}


def published(results: Mapping) -> dict[str, tuple[float, str]]:
    """{metric: (the paper's figure, its source and protocol)} of a results.json that contains its config's `paper`.

    Entries that are not numbers are left out.
    """
    paper = mapping(results.get("paper"))
    note = "; ".join(str(paper[part]) for part in ("source", "protocol") if paper.get(part))
    return {name: (value, note) for name, value in mapping(paper.get("figures")).items() if is_number(value)}
