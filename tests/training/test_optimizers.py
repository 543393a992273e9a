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


def test_epochs_of_one_rate_as_in_three_codes():
    """Per epoch of 10 steps: γ^max(e - 1, 0) (latent EBM), γ^e (VAE with an energy), γ^(e + 1) (triangle)."""
    epochs = np.array([0, 0, 1, 1, 2, 5])
    steps = (0, 9, 10, 19, 20, 50)
    for shared, power in ((2, np.maximum(epochs - 1, 0)), (1, epochs), (0, epochs + 1)):
        rate = learning_rate_schedule(0.1, "exponential", decay_rate=0.9, steps_per_epoch=10, shared_epochs=shared)
        np.testing.assert_allclose([rate(t) for t in steps], 0.1 * 0.9**power, rtol=1e-5)
    with pytest.raises(ValueError, match="shared_epochs = 3 must be 0, 1 or 2"):
        learning_rate_schedule(0.1, "exponential", shared_epochs=3)
    fields = FIELDS | {"name": "sgd", "schedule": "exponential", "decay_rate": 0.5, "shared_epochs": 0}
    np.testing.assert_allclose(first_update(fields, jnp.array([1.0])), [-0.05], rtol=1e-6)


def test_step_schedule_falls_at_the_start_of_its_epochs():
    """× .3 at epochs 150 and 175 of 1250 steps: step 187,500, counted from 0, is the first with the lower rate."""
    step = learning_rate_schedule(3e-5, "step", decay_rate=0.3, steps_per_epoch=1250, decay_epochs=(150, 175))
    at = (0, 187_499, 187_500, 218_749, 218_750, 10**6)
    np.testing.assert_allclose([step(t) for t in at], 3e-5 * 0.3 ** np.array([0, 0, 1, 1, 2, 2]), rtol=1e-6)
    fields = FIELDS | {"name": "sgd", "schedule": "step", "decay_rate": 0.3, "decay_epochs": (2,), "warmup_steps": 2}
    optimizer, gradient, moved = make_optimizers({"energy": fields}, 100, 2)["energy"], jnp.array([1.0]), []
    state = optimizer.init(gradient)
    for _ in range(6):
        update, state = optimizer.update(gradient, state, gradient)
        moved.append(float(update[0]))
    np.testing.assert_allclose(moved, [-0.05, -0.1, -0.1, -0.1, -0.03, -0.03], rtol=1e-6)


@pytest.mark.parametrize("epochs", [(), (0, 2), (3, 2), (2, 2)], ids=["none", "zero", "falling", "twice"])
def test_epochs_of_a_step_schedule_ascend(epochs):
    with pytest.raises(ValueError, match="needs decay_epochs > 0 that ascend"):
        learning_rate_schedule(0.1, "step", decay_epochs=epochs)


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
