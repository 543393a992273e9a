"""Snapshots of the parameters: of the steps they say, with any length of run, averaged where the run averages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.training.ema import for_evaluation, with_ema
from ebmjax.training.snapshots import snapshots, with_snapshots
from ebmjax.types import Method, State


def counter():
    """A method whose parameter is the number of steps taken."""

    def init(rng_key, batch):
        extra = {"chains": jnp.zeros(2)}
        return State(jnp.int32(0), {"n": jnp.zeros(())}, {}, {}, extra, rng_key)

    def train_step(state, batch):
        assert set(state.extra) == {"chains"}
        chains = {"chains": state.extra["chains"] + 1}
        return state._replace(step=state.step + 1, params={"n": state.params["n"] + 1}, extra=chains), {}

    return Method(init, train_step, lambda *_: jnp.zeros(1), lambda *_: {}, {})


def after(method, num_steps):
    step = jax.jit(lambda state: method.train_step(state, {})[0])
    state = method.init(jax.random.key(0), {})
    for _ in range(num_steps):
        state = step(state)
    return state


@pytest.mark.parametrize(
    ("num_steps", "kept"),
    [(0, [0]), (1, [1]), (4, [4]), (5, [4, 5]), (12, [4, 8, 12]), (13, [8, 12, 13]), (40, [32, 36, 40])],
)
def test_the_newest_multiples_and_the_end(num_steps, kept):
    state = after(with_snapshots(counter(), every=4, num=3), num_steps)
    states = snapshots(state, every=4, num=3)
    assert [int(s.step) for s in states] == [float(s.params["n"]) for s in states] == kept
    assert float(state.extra["chains"][0]) == num_steps


def test_one_is_the_end_alone():
    state = after(with_snapshots(counter(), every=1, num=1), 7)
    assert [float(s.params["n"]) for s in snapshots(state, every=1, num=1)] == [7]


def test_of_the_averaged_parameters_where_there_are_any():
    averaged = with_ema(with_snapshots(counter(), every=4, num=3), 0.5)
    then, _, end = snapshots(for_evaluation(after(averaged, 12)), every=4, num=3)
    for state in (then, end):
        expected = for_evaluation(after(with_ema(counter(), 0.5), int(state.step))).params["n"]
        assert np.isclose(float(state.params["n"]), float(expected))
