"""Several trainings of one method as one program: each with parameters, noise and labelled examples of its own."""

from typing import Any

import jax

from ebmjax.types import Array, Batch, Method, PyTree, State

AXES: dict[str, Any] = {field: None if field == "step" else 0 for field in State._fields}
SHARED = State(**AXES)
"""Axes of the replicas in a state of them."""


def replicated(method: Method, num: int) -> Method:
    """`method` trained `num` ≥ 1 times at once, whose State has a leading axis `[num]` on all but `step`.

    The replicas see the same batches, but for "labelled", which has that leading axis too (`data.with_labels` of as
    many seeds); their keys differ, hence their initial parameters, noise and chains. Metrics are their means, counts
    (num_...) their sums. `sample` and `evaluate` are those of the first one; `functions` are `method`'s own, of one
    replica's state: `replica`.
    """

    def axes(batch: Batch) -> PyTree:
        return {name: 0 if name == "labelled" else None for name in batch}

    def init(rng_key: Array, batch: Batch) -> State:
        keys = jax.random.split(rng_key, num)
        return jax.vmap(method.init, in_axes=(0, axes(batch)), out_axes=SHARED)(keys, batch)

    def train_step(state: State, batch: Batch):
        step = jax.vmap(method.train_step, in_axes=(SHARED, axes(batch)), out_axes=(SHARED, 0))
        state, metrics = step(state, batch)
        return state, {
            name: value.sum(0) if name.startswith("num_") else value.mean(0) for name, value in metrics.items()
        }

    return method._replace(
        init=init,
        train_step=train_step,
        sample=lambda state, rng_key, num: method.sample(replica(state, 0), rng_key, num),
        evaluate=lambda state, rng_key, batch: method.evaluate(replica(state, 0), rng_key, batch),
    )


def of_first(method: Method, state: State) -> Method:
    """`method` whose `functions` take the state of all replicas and mean the first; itself for a state of one."""
    if not state.rng_key.ndim:
        return method

    def first(function):
        return lambda state, *args, **kwargs: function(replica(state, 0), *args, **kwargs)

    return method._replace(functions={name: first(function) for name, function in method.functions.items()})


def replica(state: State, i: int | Array) -> State:
    """The state of replica i alone."""
    return State(state.step, *jax.tree.map(lambda leaf: leaf[i], state[1:]))
