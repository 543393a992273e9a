"""The figures of a run's paper: on which data they may stand beside the run's own, and what is said of them."""

import pytest

from ebmjax.report.published import paper_of, published

PAPER = {"source": "table 2", "protocol": "of sentences", "data": ("ptb", "mnist"), "figures": {"nll": 91.35}}


@pytest.mark.parametrize(
    ("dataset", "stands"),
    [
        ("ptb", True),
        ("npz:data/mnist.npz", True),
        ("lines:ptb.train.txt", True),
        ("pydoc", False),
        ("fake:8x8x1", False),
    ]
    + [("lines:train.txt", False), ("ptb_large", False)],
)
def test_a_paper_stands_beside_runs_on_its_data(dataset, stands):
    """A file is the data set that it is called, up to its first dot."""
    assert paper_of({"paper": PAPER}, dataset) == (PAPER if stands else {})


def test_most_configs_have_no_paper():
    assert paper_of({}, "ptb") == paper_of({"paper": None}, "ptb") == {}
    assert published({}) == published({"paper": [1]}) == published({"paper": {"figures": 3}}) == {}


def test_every_figure_says_where_it_is_from():
    assert published({"paper": PAPER}) == {"nll": (91.35, "table 2; of sentences")}
    assert published({"paper": {"figures": {"nll": 1, "kl": "?", "mse": None}}}) == {"nll": (1, "")}
