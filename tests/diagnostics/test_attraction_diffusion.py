"""Attraction-diffusion on a double well, whose barrier and steepest slope are known, and the tree of its minima."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.diagnostics import attraction_diffusion, depths, distinct_minima, lowest_barriers, merges, straight_line
from ebmjax.diagnostics.attraction_diffusion import judge
from ebmjax.energies import double_well
from ebmjax.mcmc import langevin
from ebmjax.types import Chain

HEIGHT = 2.0
STEEPEST = 8 * HEIGHT / (3 * np.sqrt(3))  # of E = h (x² - 1)², at x = ±1 / √3
WELLS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)
POTENTIAL = double_well(2, HEIGHT).energy
DESCENT = Chain(partial(langevin, step_size=0.1, noise_scale=0), 400)  # gradient descent at a rate of .005


@pytest.fixture(scope="module")
def passages():
    """From each well to each other one, by a force just below the steepest slope, and by one above."""
    i, j = np.nonzero(~np.eye(4, dtype=bool))
    strength = np.repeat([0.97 * STEEPEST, 1.2 * STEEPEST], len(i)).astype(np.float32)
    start, target = (np.concatenate([WELLS[k], WELLS[k]]) for k in (i, j))
    found = jax.jit(
        lambda key: attraction_diffusion(
            POTENTIAL, DESCENT, key, start, target, strength=strength, radius=0.05, patience=50
        )
    )(jax.random.key(0))
    return [jax.tree.map(lambda leaf, h=half: np.asarray(leaf).reshape(2, -1)[h], found) for half in range(2)]


NEIGHBOURS = np.array([np.sum(WELLS[i] != WELLS[j]) == 1 for i in range(4) for j in range(4) if i != j])


def test_the_force_must_exceed_the_steepest_slope(passages):
    """Without noise a chain between neighbours moves on a line, where the slope is at most `STEEPEST`."""
    weak, strong = passages
    assert not np.any(weak.reached[NEIGHBOURS]) and np.all(np.isinf(weak.highest[NEIGHBOURS]))
    assert np.all(strong.reached[NEIGHBOURS])


def test_the_highest_energy_is_the_barrier(passages):
    """Steps near the top are at most .005 (1.2 · 3.08) = .018 long, so the energy there is h (1 - .009²)² or more."""
    np.testing.assert_allclose(passages[1].highest[NEIGHBOURS], HEIGHT, rtol=2e-4)


def test_a_diagonal_needs_more_force(passages):
    """Along the diagonal E = 2 h (x² - 1)² with distance √2 |dx|: a slope of √2 `STEEPEST`, above both forces."""
    assert not any(np.any(found.reached[~NEIGHBOURS]) for found in passages)


def test_the_straight_line_over_the_middle():
    found = jax.jit(partial(straight_line, POTENTIAL, num_points=51))(WELLS[:2], WELLS[2:][::-1])
    np.testing.assert_allclose(found, 2 * HEIGHT, rtol=1e-6)  # both are diagonals


def test_the_tree_goes_round_the_middle(passages):
    """Opposite wells are joined at h, through a neighbour, although their straight line rises to 2 h."""
    barriers = np.full((4, 4), 2 * HEIGHT)
    barriers[~np.eye(4, dtype=bool)] = np.minimum(passages[1].highest, 2 * HEIGHT)
    tree = merges(barriers)
    assert len(tree) == 3
    np.testing.assert_allclose(lowest_barriers(tree, 4)[~np.eye(4, dtype=bool)], HEIGHT, rtol=2e-4)


def test_which_chains_arrive():
    """Arrives at step 3; comes no nearer for two steps, then would; never within the radius."""
    far = jnp.array([[4.0, 4, 4], [2, 3, 3], [3, 3, 2], [0.5, 3, 1.5], [5, 0.1, 1.2]])
    energy = jnp.array([[0.0, 0, 0], [7, 7, 7], [1, 1, 1], [2, 2, 2], [9, 9, 9]])
    found = jax.jit(partial(judge, radius=1.0, patience=2))(energy, far)
    np.testing.assert_array_equal(found.reached, [True, False, False])
    np.testing.assert_array_equal(found.highest, [7, np.inf, np.inf])
    np.testing.assert_array_equal(found.steps, [3, 4, 4])


def test_a_chain_that_starts_at_its_target_has_arrived():
    found = judge(jnp.array([[3.0], [8.0]]), jnp.array([[0.0], [2.0]]), 0.1, 5)
    assert bool(found.reached[0]) and found.highest[0] == 3 and found.steps[0] == 0


def test_distinct_minima_are_the_lowest_of_their_neighbourhood():
    x = np.array([[0.0], [0.05], [1.0], [1.02], [5.0]])
    kept = distinct_minima(x, np.array([2.0, 1.0, 0.5, 0.7, np.nan]), 0.1)
    np.testing.assert_array_equal(kept, [2, 1])


def test_merges_of_known_barriers():
    """0 and 1 join at 1, 2 and 3 at 2, both groups at 4 by (1, 2), not at 9; 4 stays apart."""
    barriers = np.full((5, 5), np.inf)
    for i, j, level in ((0, 1, 1.0), (2, 3, 2.0), (1, 2, 4.0), (0, 3, 9.0)):
        barriers[i, j] = level
    tree = merges(barriers)
    assert [merge.level for merge in tree] == [1, 2, 4] and set(tree[2].left) == {0, 1}
    levels = lowest_barriers(tree, 5)
    assert levels[0, 3] == levels[3, 0] == 4 and levels[0, 1] == 1 and np.all(np.isinf(levels[4, :4]))
    np.testing.assert_array_equal(levels, levels.T)
    # 0 leaves for 1 at level 1, 2 for 3 at 2, 3 for 1 at 4.
    energy = np.array([0.5, -1.0, 0.25, 0.0, 7.0])
    np.testing.assert_array_equal(depths(energy, levels), [0.5, np.inf, 1.75, 4.0, np.inf])
    assert depths(np.zeros(2), np.array([[-np.inf, 3], [3, -np.inf]])).tolist() == [np.inf, 3]


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="needs radius > 0 and patience ≥ 1, got 0 and 5"):
        attraction_diffusion(POTENTIAL, DESCENT, jax.random.key(0), WELLS, WELLS, strength=1.0, radius=0, patience=5)
