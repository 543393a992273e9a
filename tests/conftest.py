"""Test set-up: a compilation cache, and fixtures that several files share."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # experiments and configs are not part of the installed package
CACHE = Path(os.environ.get("EBMJAX_TEST_CACHE", ROOT / ".cache" / "tests"))
# Subprocesses of tests inherit it: most of a short run is compilation.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
