"""The loop that runs a kernel: one `lax.scan`, averages of its `Info`, and traces only of selected quantities."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from ebmjax import pytree
from ebmjax.mcmc.options import check, check_start, is_quantity
from ebmjax.types import Array, Chain, ChainState, Info, Kernel, Online, Potential, PyTree

AXIS = "data"
"""Axis of a device mesh over which chains are split, as the batches of a training run are."""


def split_chains(position: PyTree) -> PyTree:
    """Constrain chains `[B, ...]` to be split over the axis `AXIS` of the current mesh, if it has one that divides B.

    Without this, chains that start in fresh noise would be computed whole on every device, as nothing else fixes their
    sharding. Values do not change. Without a mesh, on one device, and with axes that the compiler does not control
    (explicit, or inside `shard_map`), the position is returned unchanged.
    """
    mesh = jax.sharding.get_abstract_mesh()
    size = dict(zip(mesh.axis_names, mesh.axis_sizes)).get(AXIS, 1)
    if size == 1 or dict(zip(mesh.axis_names, mesh.axis_types))[AXIS] != AxisType.Auto:
        return position
    rows = lambda leaf: leaf.shape[0] % size == 0
    split = lambda leaf: jax.lax.with_sharding_constraint(leaf, PartitionSpec(AXIS)) if rows(leaf) else leaf
    return jax.tree.map(split, position)


def start_chains(kernel: Kernel, rng_key: Array, position: PyTree) -> ChainState:
    """What `kernel.init` makes of `position`, split by `split_chains`, with the type that it has after a step.

    That is, spread over the axes of a mesh over which keys or energies (by parameters or data) are; see
    `pytree.spread_like`.
    """
    position = pytree.at_least_float32(split_chains(position))
    state = kernel.init(position)
    spread = pytree.spread_like(position, jnp.sum(jax.random.key_data(rng_key)), state.energy)
    return state if spread is position else kernel.init(spread)


def complete(info: Info, zeros: Array) -> Info:
    """`info` in the dtype of `zeros` `[B]`, with zeros in place of what the kernel does not report."""
    return Info(*[zeros if isinstance(value, tuple) else value.astype(zeros.dtype) for value in info])


def add(sums: list[tuple[Array, Array]], info: Info) -> list[tuple[Array, Array]]:
    """The compensated sums of the fields of `Info`, and one more term; a field that is not reported costs nothing."""

    def add_one(pair, value):
        return pair if isinstance(value, tuple) else pytree.compensated_add(*pair, value.astype(pair[0].dtype))

    return [add_one(pair, value) for pair, value in zip(sums, info)]


def averages(sums: list[tuple[Array, Array]], num_steps: int) -> Info:
    """Means over the steps, and counts summed."""
    total = Info(*[pair[0] for pair in sums])
    mean = jax.tree.map(lambda t: t / max(num_steps, 1), total)
    return mean._replace(num_nonfinite=total.num_nonfinite, num_divergent=total.num_divergent)


def run_chain(
    kernel: Kernel,
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    adapt: PyTree | None = None,
    collect: Callable[[ChainState, Info], PyTree] | Online | PyTree | None = None,
    thin: int = 1,
    unroll: int = 1,
) -> tuple[ChainState, Info, PyTree]:
    """Run `num_steps` transitions of B chains from `position`.

    Args:
        kernel: its `init` evaluates the potential at `position`, its `step` makes one transition.
        rng_key: typed key; step i uses `fold_in(rng_key, i)`, so a longer run begins with the shorter one.
        position: pytree of `[B, ...]`; sharded by `split_chains`. bfloat16 and float16 are only a way to store
            positions: they become float32, in which the chain runs and is returned.
        num_steps: static integer, ≥ 0; with 0 the position is returned unchanged.
        adapt: replaces the `ChainState.adapt` of `init`, to continue the adaptation of an earlier run.
        collect: (ChainState, Info) -> pytree, kept for every step and stacked on a new first axis `[num_steps, ...]`;
            or a statistic of `mcmc.online`, which sees every step and keeps none; or a dict (any pytree) of both.
        thin: ≥ 1, a divisor of num_steps; of the traces only every thin-th step is kept, `trace[thin - 1 :: thin]`.
        unroll: of the scan.

    Returns:
        The final state; `Info` averaged over the steps (`num_nonfinite` and `num_divergent` summed); what was
        collected, in the structure of `collect`, or None.

    Inside `shard_map` every device runs chains of its own, and adapts a step size of its own. Give it a key of its own,
    `fold_in(rng_key, axis_index("data"))`: with one key for all, devices draw the same noise.

    Raises:
        ValueError: num_steps, thin or unroll outside these ranges, or a position that is not a pytree of arrays with
            B ≥ 1.
    """
    check("run_chain", num_steps=num_steps, collect=collect, thin=thin, unroll=unroll)
    if num_steps % thin:
        raise ValueError(f"run_chain: thin = {thin} must divide num_steps = {num_steps}")
    check_start("run_chain", position)
    state = start_chains(kernel, rng_key, position)
    if adapt is not None:
        state = state._replace(adapt=adapt)
    zeros = jnp.zeros_like(state.energy, dtype=jnp.promote_types(state.energy.dtype, jnp.float32))
    nothing = Info(*[zeros] * len(Info._fields))
    quantities, structure = jax.tree.flatten(collect, is_leaf=is_quantity)
    online = [isinstance(quantity, Online) for quantity in quantities]

    def read(carry):
        state, info, *_ = carry
        return [() if on else q(state, info) for q, on in zip(quantities, online)]

    def transition(carry, i):
        state, _, sums, running = carry
        state, info = kernel.step(jax.random.fold_in(rng_key, i), state)
        sums, info = add(sums, info), complete(info, zeros)
        running = [q.update(one, state, info) if on else () for q, on, one in zip(quantities, online, running)]
        carry = (state, info, sums, running)
        return carry, read(carry) if thin == 1 else None

    def transitions(carry, steps):
        carry, _ = jax.lax.scan(transition, carry, steps, unroll=unroll)
        return carry, read(carry)

    running = [q.init(state, nothing, num_steps) if on else () for q, on in zip(quantities, online)]
    carry, steps = (state, nothing, [(zeros, zeros)] * len(nothing), running), jnp.arange(num_steps)
    if thin == 1:
        carry, traces = jax.lax.scan(transition, carry, steps, unroll=unroll)
    else:
        carry, traces = jax.lax.scan(transitions, carry, steps.reshape(num_steps // thin, thin))
    state, _, sums, running = carry
    collected = [q.finish(one) if on else trace for q, on, one, trace in zip(quantities, online, running, traces)]
    return state, averages(sums, num_steps), jax.tree.unflatten(structure, collected)


def over_chains(info: Info) -> Info:
    """`Info` of one run, `[B]`, as scalars: means over chains, and counts summed."""
    counts = {name: jnp.sum(getattr(info, name)) for name in ("num_nonfinite", "num_divergent")}
    return jax.tree.map(jnp.mean, info)._replace(**counts)


def sample_chain(
    chain: Chain, potential: Potential, rng_key: Array, position: PyTree, **options
) -> tuple[ChainState, Info, PyTree]:
    """`run_chain` of a `Chain` on a potential; `options` as for `run_chain`."""
    return run_chain(chain.make_kernel(potential), rng_key, position, chain.num_steps, unroll=chain.unroll, **options)
