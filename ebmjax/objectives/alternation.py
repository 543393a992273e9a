"""Alternation of two models: a rule that selects the next one to update by a classifier's accuracy.

Reference: Gao et al. 2020 (arXiv 1912.00589); `decay` and `energy_every` are ours.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from ebmjax.types import Array


class Gate(NamedTuple):
    """The model to update at the next step, carried in `extra["gate"]`; scalars.

    accuracy: moving average of the classifier's. update_energy: bool. num_flow: int32, updates of the flow in a row.
    """

    accuracy: Array
    update_energy: Array
    num_flow: Array


def open_gate() -> Gate:
    """The gate before the first step, which updates the energy."""
    return Gate(jnp.float32(0.5), jnp.array(True), jnp.int32(0))


def next_gate(gate: Gate, accuracy: Array, *, threshold: float, decay: float = 0.0, energy_every: int = 0) -> Gate:
    """The gate after a step whose batch was classified with `accuracy`.

    The energy is next if the average accuracy is below `threshold`, or (`energy_every` > 0) if the flow was updated
    `energy_every` - 1 times in a row; else the flow. decay: in [0, 1), of the average; 0 uses only this batch.
    """
    average = decay * gate.accuracy + (1.0 - decay) * accuracy
    num_flow = jnp.where(gate.update_energy, 0, gate.num_flow + 1)
    due = num_flow >= energy_every - 1 if energy_every else False
    return Gate(average, (average < threshold) | due, num_flow)


def make_rule(threshold: float, decay: float = 0.0, energy_every: int = 0) -> Callable[[Gate, Array], Gate]:
    """`next_gate` with its settings, (gate, accuracy) -> gate. Raises ValueError for settings out of range."""
    if threshold < 0 or not 0 <= decay < 1 or energy_every < 0:
        raise ValueError(
            "alternating updates need threshold ≥ 0, 0 ≤ decay < 1 and energy_every ≥ 0, "
            f"got {threshold}, {decay}, {energy_every}"
        )
    return partial(next_gate, threshold=threshold, decay=decay, energy_every=energy_every)
