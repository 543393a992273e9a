"""Parameters from the end of training, kept in the state of any method, to average a figure over its last evaluations.

They are part of the state, so a run that was cut off and resumed keeps the same ones.
"""

import jax
import jax.numpy as jnp

from ebmjax.training.ema import for_evaluation
from ebmjax.types import Method, State


def with_snapshots(method: Method, every: int, num: int) -> Method:
    """`method` whose state keeps the parameters (averaged ones, if training averages) as of every `every`-th step.

    every: ≥ 1. num: ≥ 1, how many of the newest stay: `extra["snapshots"]`, leaves `[num, ...]` like the params'.
    """

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        empty = jax.tree.map(lambda p: jnp.zeros((num, *p.shape), p.dtype), state.params)
        return state._replace(extra=state.extra | {"snapshots": empty})

    def train_step(state, batch):
        # The slot of a stretch of `every` steps is overwritten until that stretch ends: no branch in the program.
        slot = -(-state.step // every) % num
        kept, params = state.extra["snapshots"], for_evaluation(state).params
        kept = jax.tree.map(lambda all_of, p: all_of.at[slot].set(p), kept, params)
        own = {name: value for name, value in state.extra.items() if name != "snapshots"}
        state, metrics = method.train_step(state._replace(extra=own), batch)
        return state._replace(extra=state.extra | {"snapshots": kept}), metrics

    return method._replace(init=init, train_step=train_step)


def snapshots(state: State, every: int, num: int) -> list[State]:
    """States at up to `num` multiples of `every` steps, oldest first, the last one being `state` itself.

    state: of `with_snapshots(method, every, num)`, as it is to be evaluated. All have its `extra`; only step and params
    are those of then.
    """
    step = int(state.step)
    last = -(-step // every)
    then = range(max(last - num + 1, 1), last)
    pick = lambda n: jax.tree.map(lambda leaf: leaf[n % num], state.extra["snapshots"])
    return [*(state._replace(step=jnp.int32(n * every), params=pick(n)) for n in then), state]
