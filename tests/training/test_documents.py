"""What the pages on running and on troubles name exists: fields, metrics, scripts."""

import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ebmjax.training.config import flatten

ROOT = Path(__file__).parents[2]
CONFIGS = [ROOT / "configs" / name for name in ("latent_ebm/digits.py", "anatomy/gmm.py")]


def fields():
    found = set()
    for path in CONFIGS:
        scope = {}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        found |= set(flatten(scope["get_config"]()))
    return found


@pytest.mark.parametrize("page", ["running.md", "troubleshooting.md"])
def test_fields_exist(page):
    known, text = fields(), (ROOT / "docs" / page).read_text()
    named = re.findall(r"\b((?:train|model|sampler|optimizer|initial)\.[\w.*]*[\w*])", text)
    assert len(named) > 3
    for name in set(named):
        assert any(fnmatch(field, name) or field.startswith(f"{name}.") for field in known), name


@pytest.mark.parametrize("name", ["slurm.sh", "tpu_pod.sh"])
def test_job_scripts_parse(name):
    subprocess.run([shutil.which("bash") or "bash", "-n", str(ROOT / "examples" / name)], check=True, timeout=20)
    assert (ROOT / "examples" / name).stat().st_mode & 0o111
    assert name in (ROOT / "docs" / "running.md").read_text()
