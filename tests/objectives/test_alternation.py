"""Who is updated next, as a function of accuracies."""

from functools import partial

import jax.numpy as jnp
import pytest

from ebmjax.objectives import next_gate, open_gate


def test_the_gate_is_a_function_of_accuracies():
    gate, follow = open_gate(), partial(next_gate, threshold=0.6)
    assert gate.update_energy
    gate = follow(gate, jnp.float32(0.7))
    assert not gate.update_energy
    assert follow(gate, jnp.float32(0.59)).update_energy
    never, one = jnp.float32(0.0), gate
    for accuracy in (never, never):
        one = next_gate(one, accuracy, threshold=0.0)
        assert not one.update_energy  # threshold 0: the energy once, and never again
    slow = follow(gate, jnp.float32(0.5), decay=0.9)  # 0.9 · 0.7 + 0.1 · 0.5 = 0.68
    assert abs(slow.accuracy - 0.68) < 1e-6 and not slow.update_energy


@pytest.mark.parametrize(("energy_every", "expected"), [(3, [0, 3, 6]), (4, [0, 4, 8]), (1, list(range(9))), (0, [0])])
def test_every_so_many_steps_the_energy_is_due(energy_every, expected):
    """With a classifier that is never below the threshold."""
    gate, energy = open_gate(), []
    for step in range(9):
        if gate.update_energy:
            energy.append(step)
        gate = next_gate(gate, jnp.float32(0.9), threshold=0.6, energy_every=energy_every)
    assert energy == expected


def test_an_update_of_the_energy_starts_the_count_again():
    """Flow, then by accuracy the energy, then two of the flow before the energy is due."""
    gate, energy = open_gate(), []
    for accuracy in (0.9, 0.5, 0.9, 0.9, 0.9, 0.9):
        energy.append(bool(gate.update_energy))
        gate = next_gate(gate, jnp.float32(accuracy), threshold=0.6, energy_every=3)
    assert energy == [True, False, True, False, False, True]
