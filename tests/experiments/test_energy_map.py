"""The map of a known energy: two minima on a ring, with a low pass round it and a hill between them."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs.anatomy.common import landscape
from experiments.measure.energy_map import is_wanted, map_energy, map_figures, protocol

HILL = 50.0


def ring(x):
    """HILL (r - 1)² + sin² θ: minima of 0 at (±1, 0), passes of 1 at (0, ±1), HILL in the middle."""
    square = jnp.sum(x**2, axis=1)
    return HILL * (jnp.sqrt(square + 1e-6) - 1) ** 2 + x[:, 1] ** 2 / (square + 1e-6)


@pytest.fixture(scope="module")
def found():
    settings = landscape(0.1, strengths=(8.0,), radius=0.2, num_steps=2000)
    settings.update(temperature_factor=1e-3, descent_steps=1000, patience=500)
    run = SimpleNamespace(config=ConfigDict({"evaluate": {"landscape": settings}}), rng_key=jax.random.key(0))
    start = np.array([[0.9, 0.3], [-0.8, 0.1], [1.2, -0.2], [-1.0, 0.4]], np.float32)
    return map_energy(run, ring, start, 4)


def test_minima(found):
    """Four starts, two minima; the rate .005 takes the slowest direction, of curvature 2, to e^-10 in 1,000 steps."""
    np.testing.assert_allclose(np.abs(found.x), [[1, 0], [1, 0]], atol=1e-3)
    np.testing.assert_allclose(found.energy, 0, atol=1e-5)


def test_the_pass_is_lower_than_the_straight_line(found):
    """No path is lower than 1. The force bends the way by at most 8 / (2 HILL), which adds .32 to the energy."""
    figures = map_figures(found)
    assert 1 - 1e-3 <= figures["landscape_barrier"] <= 1.35
    assert figures["landscape_barrier_line"] == pytest.approx(HILL, rel=0.1)  # 50 points miss the very middle
    assert (figures["landscape_minima"], figures["landscape_basins"]) == (2, 2) and figures["landscape_reached"] == 1


def test_one_minimum_has_no_barrier(found):
    line = np.full((1, 1), np.inf)
    alone = found._replace(x=found.x[:1], energy=found.energy[:1], tree=[], line=line, reached={})
    assert map_figures(alone) == {
        "landscape_minima": 1,
        "landscape_basins": 1,
        "landscape_barrier": 0,
        "landscape_barrier_line": 0,
        "landscape_reached": 0,
    }


def test_a_map_is_off_by_default():
    settings = ConfigDict({"landscape": landscape(0.1, strengths=(1.0,), radius=0.2, num_steps=5)})
    assert not is_wanted(settings) and not is_wanted(ConfigDict()) and protocol(settings) == ""
    settings.landscape.num_starts = 3
    assert is_wanted(settings) and "from 3 test examples" in protocol(settings)
