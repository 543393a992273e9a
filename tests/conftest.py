"""Test set-up: quick or whole, a compilation cache, and how many processes share the work.

`pytest` runs the quick suite; `pytest -m slow` the rest, which .ci/run runs as well.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # configs are not part of the installed package
CACHE = Path(os.environ.get("EBMJAX_TEST_CACHE", ROOT / ".cache" / "tests"))
# Subprocesses of tests inherit these: most of a short run is compilation.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
# A third of a cold run is XLA's optimisation of programs that run for a second; see `whole_training`.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if version("jaxlib").startswith("0.10."):  # XLA ends the process at a flag it does not know
    # Compiling, which is most of what the tests do, takes less than half the time on a CPU by XLA's older emitters.
    FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()


def pytest_xdist_auto_num_workers(config):
    """Processes at work: one a core, four at most, for the whole suite; where files are named, this one alone.

    While a test traces, on one thread, the other cores have nothing to do. Files stay whole, for their compiled
    functions are shared.
    """
    whole = config.args_source != config.ArgsSource.ARGS
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or (min(os.cpu_count() or 1, 4) if whole else 0))


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Mark as slow what tests/slow.txt lists."""
    listed = set((ROOT / "tests" / "slow.txt").read_text().splitlines())
    for item in items:
        if item.nodeid.removeprefix("tests/") in listed:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="module")
def release_compiled_programs():
    """JAX keeps every program that it compiles; over the whole suite that is gigabytes."""
    yield
    import jax

    jax.clear_caches()


@pytest.fixture
def takes_minutes():
    """For tests of a minute or more, cold: they run only if EBMJAX_LONG_TESTS is set, as CI has forty minutes."""
    if not os.environ.get("EBMJAX_LONG_TESTS"):
        pytest.skip("takes minutes: set EBMJAX_LONG_TESTS=1")


@pytest.fixture
def whole_training(takes_minutes):
    """For tests that train to the end and look at the figures: with all of XLA's optimisations.

    Kept results (docs/runs) hold what they check.
    """
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
