"""Wrappers of methods: moving averages, snapshots, the best by validation, replicas, concealed or transformed data,
stopping on divergence."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ebmjax.methods.base import step_key
from ebmjax.types import Array, Batch, Method, PyTree, State


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
    """The state with the averaged params in place of params, if it has them, or with those that `with_best` kept."""
    if "best" in state.extra:
        best = state.extra["best"]
        stats = {"stats": best["stats"]} if "stats" in best else {}
        return state._replace(params=best["params"], extra=state.extra | stats)
    return state._replace(params=state.ema) if state.ema else state


def with_best(method: Method, every: int, batch_size: int) -> Method:
    """`method` that keeps the parameters with the highest accuracy on batch["valid"], the earliest of equals.

    The accuracy is measured after every `every` ≥ 1 steps, `batch_size` examples at a time, by
    functions["class_logits"]. `for_evaluation` gives what was kept; at first it is the start. Chains and optimisers are
    those of the last step. Not for averaged parameters.

    extra["best"]: {"params", "stats" of batch normalisation if any, "accuracy", "step"}. Metric: best_accuracy.
    """
    part = lambda state: {"params": state.params} | {k: v for k, v in state.extra.items() if k == "stats"}

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        best = jax.tree.map(jnp.copy, part(state)) | {"accuracy": jnp.float32(0), "step": jnp.int32(0)}
        return state._replace(extra=state.extra | {"best": best})

    def measured(state, valid):
        logits = lambda x: method.functions["class_logits"](state, x[None])[0]
        found = jnp.argmax(jax.lax.map(logits, valid["x"], batch_size=batch_size), axis=-1)
        new = part(state) | {"accuracy": jnp.mean(found == valid["label"]), "step": state.step}
        old = state.extra["best"]
        return jax.tree.map(lambda a, b: jnp.where(new["accuracy"] > old["accuracy"], a, b), new, old)

    def train_step(state, batch):
        state, metrics = method.train_step(state, batch)
        unchanged = lambda state, valid: state.extra["best"]
        best = jax.lax.cond(state.step % every == 0, measured, unchanged, state, batch["valid"])
        return state._replace(extra=state.extra | {"best": best}), metrics | {"best_accuracy": best["accuracy"]}

    return method._replace(init=init, train_step=train_step)


def with_snapshots(method: Method, every: int, num: int) -> Method:
    """`method` whose state keeps snapshots of the parameters (averaged, if training averages) at multiples of `every`.

    every: ≥ 1. num: ≥ 1, the newest snapshots kept, in `extra["snapshots"]`, leaves `[num, ...]` like those of params.
    """

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        empty = jax.tree.map(lambda p: jnp.zeros((num, *p.shape), p.dtype), state.params)
        return state._replace(extra=state.extra | {"snapshots": empty})

    def train_step(state, batch):
        # Each step of a period of `every` steps overwrites the period's slot: no branch in the program.
        slot = -(-state.step // every) % num
        kept, params = state.extra["snapshots"], for_evaluation(state).params
        kept = jax.tree.map(lambda all_of, p: all_of.at[slot].set(p), kept, params)
        own = {name: value for name, value in state.extra.items() if name != "snapshots"}
        state, metrics = method.train_step(state._replace(extra=own), batch)
        return state._replace(extra=state.extra | {"snapshots": kept}), metrics

    return method._replace(init=init, train_step=train_step)


def snapshots(state: State, every: int, num: int) -> list[State]:
    """States at up to `num` multiples of `every` steps, oldest first, the last one being `state` itself.

    state: of `with_snapshots(method, every, num)`, as evaluated. All share its `extra`; only step and params differ.
    """
    step = int(state.step)
    last = -(-step // every)
    then = range(max(last - num + 1, 1), last)
    pick = lambda n: jax.tree.map(lambda leaf: leaf[n % num], state.extra["snapshots"])
    return [*(state._replace(step=jnp.int32(n * every), params=pick(n)) for n in then), state]


_AXES: Any = (None if field == "step" else 0 for field in State._fields)
REPLICA_AXES = State(*_AXES)
"""The replicas' axis in each field of their state; `step` is shared."""


def replicated(method: Method, num: int) -> Method:
    """`method` trained `num` ≥ 1 times at once; its State has a leading axis `[num]` on all fields but `step`.

    The replicas get the same batches, except "labelled", which also has that leading axis (`data.with_labels` with
    `num` seeds). Their keys differ, and so do their initial parameters, noise and chains. Metrics are means over
    replicas; counts (num_...) are sums. `sample` and `evaluate` are those of the first replica; `functions` are those
    of `method` and take one replica's state: `replica`.
    """

    def axes(batch: Batch) -> PyTree:
        return {name: 0 if name == "labelled" else None for name in batch}

    def init(rng_key: Array, batch: Batch) -> State:
        keys = jax.random.split(rng_key, num)
        return jax.vmap(method.init, in_axes=(0, axes(batch)), out_axes=REPLICA_AXES)(keys, batch)

    def train_step(state: State, batch: Batch):
        step = jax.vmap(method.train_step, in_axes=(REPLICA_AXES, axes(batch)), out_axes=(REPLICA_AXES, 0))
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


def first_replica(method: Method, state: State) -> Method:
    """`method` whose `functions` take the state of all replicas and use the first; `method` itself without replicas."""
    if not state.rng_key.ndim:
        return method

    def first(function):
        return lambda state, *args, **kwargs: function(replica(state, 0), *args, **kwargs)

    return method._replace(functions={name: first(function) for name, function in method.functions.items()})


def replica(state: State, i: int | Array) -> State:
    """The state of replica i."""
    return State(state.step, *jax.tree.map(lambda leaf: leaf[i], state[1:]))


def concealed(method: Method, mask_of: Callable[[Array], Array]) -> Method:
    """`method` trained on incomplete examples: hidden entries are set to NaN before the method gets them.

    mask_of: index int32 `[B]` of training examples -> bool `[B, ...]`, true where observed; becomes batch["mask"].
    """

    def train_step(state, batch):
        mask = mask_of(batch["index"])
        return method.train_step(state, batch | {"x": jnp.where(mask, batch["x"], jnp.nan), "mask": mask})

    return method._replace(train_step=train_step)


def transformed(
    method: Method, transform: Callable[[Array, Array], Array], inverse: Callable[[Array], Array]
) -> Method:
    """`method` trained on transform(rng_key, x) in place of x, with another key at every step; it samples inverse(x).

    Its `evaluate` and the function energy, the only one that is kept, are those of transformed points.
    """
    change = lambda rng_key, batch: batch | {"x": transform(rng_key, batch["x"])}

    def train_step(state, batch):
        # The method itself uses small numbers with the key of the step.
        rng_key = jax.random.fold_in(step_key(state), TRANSFORMED)
        return method.train_step(state, change(rng_key, batch))

    kept = {name: function for name, function in method.functions.items() if name == "energy"}
    return method._replace(
        init=lambda rng_key, batch: method.init(rng_key, change(rng_key, batch)),
        train_step=train_step,
        sample=lambda state, rng_key, num: inverse(method.sample(state, rng_key, num)),
        functions=kept,
    )


TRANSFORMED = 2**31 - 1
"""Folded into the key of a step for `transformed`."""

TOO_LARGE = 1e8
"""Energy gap above which training counts as diverged, as in JEM's code."""


def stopped_where_diverged(method: Method) -> Method:
    """`method` whose state is frozen from the first step at which a metric is not finite or the energy gap is huge.

    extra["diverged_at"]: that step, else -1. The metric num_diverged counts it; all others are 0 afterwards.
    """

    def init(rng_key, batch):
        state = method.init(rng_key, batch)
        return state._replace(extra=state.extra | {"diverged_at": jnp.int32(-1)})

    def train_step(state, batch):
        at = state.extra["diverged_at"]
        new, metrics = method.train_step(state, batch)
        values = jnp.stack([jnp.asarray(value, jnp.float32) for value in metrics.values()])
        sound = jnp.all(jnp.isfinite(values)) & (jnp.abs(metrics.get("energy_gap", jnp.zeros(()))) < TOO_LARGE)
        going = (at < 0) & sound
        keep = lambda a, b: jax.tree.map(lambda x, y: jnp.where(going, x, y), a, b)
        extra = keep(new.extra, state.extra) | {"diverged_at": jnp.where((at < 0) & ~sound, state.step, at)}
        kept = state._replace(params=keep(new.params, state.params), opt_state=keep(new.opt_state, state.opt_state))
        metrics = {name: jnp.where(going, value, 0.0) for name, value in metrics.items()}
        metrics["num_diverged"] = ((at < 0) & ~sound).astype(jnp.float32)
        return kept._replace(step=new.step, extra=extra), metrics

    return method._replace(init=init, train_step=train_step)
