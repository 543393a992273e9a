"""Every example runs, as a reader would run it; their own assertions are the test."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path, capsys):
    from ebmjax.mcmc import KERNELS

    before = dict(KERNELS)
    runpy.run_path(str(path))
    assert capsys.readouterr().out
    KERNELS.clear()
    KERNELS.update(before)  # examples may register kernels of their own
