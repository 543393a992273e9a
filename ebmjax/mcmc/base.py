"""The loop that runs a kernel: one `lax.scan`, averages of its `Info`, and traces only of selected quantities."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from ebmjax import pytree
from ebmjax.mcmc.options import check, check_start
from ebmjax.types import Array, Chain, ChainState, Info, Kernel, Potential, PyTree

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


def run_chain(
    kernel: Kernel,
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    adapt: PyTree | None = None,
    collect: Callable[[ChainState, Info], PyTree] | None = None,
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
        collect: (ChainState, Info) -> pytree, kept for every step and stacked on a new first axis `[num_steps, ...]`.
        unroll: of the scan.

    Returns:
        The final state; `Info` averaged over the steps (`num_nonfinite` summed); the collected pytree, or None.

    Inside `shard_map` every device runs chains of its own, and adapts a step size of its own. Give it a key of its own,
    `fold_in(rng_key, axis_index("data"))`: with one key for all, devices draw the same noise.

    Raises:
        ValueError: num_steps or unroll outside these ranges, or a position that is not a pytree of arrays with B ≥ 1.
    """
    check("run_chain", num_steps=num_steps, collect=collect, unroll=unroll)
    check_start("run_chain", position)
    state = start_chains(kernel, rng_key, position)
    if adapt is not None:
        state = state._replace(adapt=adapt)
    zeros = jnp.zeros_like(state.energy, dtype=jnp.promote_types(state.energy.dtype, jnp.float32))

    def one_step(carry, i):
        state, total, error = carry
        state, info = kernel.step(jax.random.fold_in(rng_key, i), state)
        info = jax.tree.map(lambda value: value.astype(zeros.dtype), info)
        total, error = pytree.compensated_add(total, error, info)
        return (state, total, error), (None if collect is None else collect(state, info))

    nothing = Info(zeros, zeros, zeros, zeros)
    start = (state, nothing, nothing)
    (state, total, _), collected = jax.lax.scan(one_step, start, jnp.arange(num_steps), unroll=unroll)
    mean = jax.tree.map(lambda t: t / max(num_steps, 1), total)
    return state, mean._replace(num_nonfinite=total.num_nonfinite), collected


def over_chains(info: Info) -> Info:
    """`Info` of one run, `[B]`, as scalars: means over chains, `num_nonfinite` a sum."""
    return jax.tree.map(jnp.mean, info)._replace(num_nonfinite=jnp.sum(info.num_nonfinite))


def sample_chain(
    chain: Chain, potential: Potential, rng_key: Array, position: PyTree, **options
) -> tuple[ChainState, Info, PyTree]:
    """`run_chain` of a `Chain` on a potential; `options` as for `run_chain`."""
    return run_chain(chain.make_kernel(potential), rng_key, position, chain.num_steps, unroll=chain.unroll, **options)
