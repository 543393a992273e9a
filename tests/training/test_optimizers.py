"""Optimisers by name and the schedule per step; the others are in test_parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.optimizers import clip_together, learning_rate_schedule, make_optimizers

FIELDS = {
    "learning_rate": 0.1,
    "schedule": "constant",
    "final_fraction": 0.005,
    "decay_rate": 0.99995,
    "b1": 0.9,
    "b2": 0.999,
    "clip_norm": 0.0,
}


def first_update(fields, gradient):
    optimizer = make_optimizers({"energy": fields}, 100, 10)["energy"]
    return optimizer.update(gradient, optimizer.init(gradient), gradient)[0]


def test_geometric_schedule_falls_every_step_to_its_floor():
    """.1 × .99995^t reaches 5e-4 after ln(200) / -ln(.99995) = 105,964 steps."""
    rate = learning_rate_schedule(0.1, "geometric", decay_rate=0.99995, final_fraction=0.005)
    np.testing.assert_allclose([rate(t) for t in (0, 1, 1000)], 0.1 * 0.99995 ** np.array([0, 1, 1000]), rtol=1e-5)
    assert rate(105_000) > 5e-4 and np.isclose(rate(107_000), 5e-4) and np.isclose(rate(10**6), 5e-4)


def test_warming_up_multiplies_the_schedule():
    """The first 4 steps take 1/4 .. 4/4 of the rate; a restored optimiser goes on from its count of steps."""
    gradient, moved = jnp.array([1.0]), []
    optimizer = make_optimizers({"energy": FIELDS | {"name": "sgd", "warmup_steps": 4}}, 100, 10)["energy"]
    state = optimizer.init(gradient)
    for _ in range(6):
        update, state = optimizer.update(gradient, jax.device_get(state), gradient)
        moved.append(float(update[0]))
    np.testing.assert_allclose(moved, [-0.025, -0.05, -0.075, -0.1, -0.1, -0.1], rtol=1e-6)
    with pytest.raises(ValueError, match="warmup_steps = -1 must be at least 0"):
        make_optimizers({"energy": FIELDS | {"warmup_steps": -1}}, 100, 10)


def test_sgd_moves_by_the_rate_times_the_gradient():
    gradient = jnp.array([3.0, -4.0])
    np.testing.assert_allclose(first_update(FIELDS | {"name": "sgd"}, gradient), [-0.3, 0.4], rtol=1e-6)
    clipped = FIELDS | {"name": "sgd", "clip_norm": 1.0}
    np.testing.assert_allclose(first_update(clipped, gradient), [-0.06, 0.08], rtol=1e-5)


def test_adam_is_the_default_and_ignores_the_scale():
    gradient = jnp.array([3.0, -4.0])
    np.testing.assert_allclose(first_update(FIELDS, gradient), [-0.1, 0.1], rtol=1e-5)
    assert np.array_equal(first_update(FIELDS, gradient), first_update(FIELDS | {"name": "adam"}, gradient))


def test_an_unknown_name():
    with pytest.raises(ValueError, match="unknown optimizer.energy.name = 'lion'; known: adam, sgd"):
        make_optimizers({"energy": FIELDS | {"name": "lion"}}, 100, 10)


def test_groups_are_clipped_together():
    """(3, 4) has norm 5: both groups are scaled by 2 / 5, another is left alone, and a larger limit changes nothing."""
    grads = {"a": jnp.array([3.0]), "b": {"w": jnp.array([4.0])}, "c": jnp.array([12.0])}
    found = clip_together(grads, ("a", "b"), 2.0)
    np.testing.assert_allclose([found["a"][0], found["b"]["w"][0], found["c"][0]], [1.2, 1.6, 12.0], rtol=1e-6)
    kept = clip_together(grads, ("a", "b"), 5.5)
    np.testing.assert_allclose([kept["a"][0], kept["b"]["w"][0]], [3.0, 4.0], rtol=1e-6)
