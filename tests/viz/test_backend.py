"""Figures do not depend on how a person has set up matplotlib."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ebmjax.viz
from ebmjax.viz import backend

INLINE = "module://matplotlib_inline.backend_inline"


@pytest.mark.parametrize("name, used", [(INLINE, None), ("svg", "svg"), ("", None)])
def test_any_mplbackend(name, used, tmp_path):
    """One that is not installed is no error, one that is stays pyplot's; the variable is as it was."""
    code = (
        "import os\nfrom ebmjax.viz import figures\nfigure, _ = figures.panels(1, 1, 1, 1)\n"
        f"figures.save(figure, 'a.png')\nassert os.environ['MPLBACKEND'] == {name!r}\n"
        "import matplotlib\nprint(matplotlib.rcParams._get('backend'))"
    )
    env = os.environ | {"MPLBACKEND": name, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "a.png").exists()
    assert used is None or told.stdout.strip() == used


def test_matplotlib_is_imported_in_one_file():
    found = set()
    for path in Path(ebmjax.viz.__file__).parent.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "matplotlib" for name in names):
                found.add(path.name)
    assert found == {"backend.py"}


def test_a_matplotlibrc_that_asks_for_latex():
    """The commands draw in matplotlib's own style: without it, a run would fail at its pictures."""
    import matplotlib

    with matplotlib.rc_context({"text.usetex": True, "figure.dpi": 3.0}):
        backend.plain_style()
        assert not matplotlib.rcParams["text.usetex"] and matplotlib.rcParams["figure.dpi"] == 100
