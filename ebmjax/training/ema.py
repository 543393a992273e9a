"""Exponential moving average of the parameters, around any method."""

import jax
import jax.numpy as jnp

from ebmjax.types import Method, State


def with_ema(method: Method, decay: float) -> Method:
    """`method` with `State.ema` = decay · ema + (1 - decay) · params after every step; 0 leaves it off.

    decay: in [0, 1).
    """
    if decay == 0:
        return method

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        # A copy: the state is donated, and one buffer may not be donated twice.
        return state._replace(ema=jax.tree.map(jnp.copy, state.params))

    def train_step(state, batch):
        state, metrics = method.train_step(state, batch)
        ema = jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, state.ema, state.params)
        return state._replace(ema=ema), metrics

    return method._replace(init=init, train_step=train_step)


def for_evaluation(state: State) -> State:
    """The state whose params are the averaged ones, where there are any."""
    return state._replace(params=state.ema) if state.ema else state
