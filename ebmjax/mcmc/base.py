"""The loop that runs a kernel: one `lax.scan`, averages of its `Info`, and traces only of selected quantities."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

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
        position: pytree of `[B, ...]`; sharded by `split_chains`.
        num_steps: static integer, ≥ 0; with 0 the position is returned unchanged.
        adapt: replaces the `ChainState.adapt` of `init`, to continue the adaptation of an earlier run.
        collect: (ChainState, Info) -> pytree, kept for every step and stacked on a new first axis `[num_steps, ...]`.
        unroll: of the scan.

    Returns:
        The final state; `Info` averaged over the steps (`num_nonfinite` summed); the collected pytree, or None.

    Raises:
        ValueError: num_steps or unroll outside these ranges, or a position that is not a pytree of arrays with B ≥ 1.
    """
    check("run_chain", num_steps=num_steps, collect=collect, unroll=unroll)
    check_start("run_chain", position)
    state = kernel.init(split_chains(position))
    if adapt is not None:
        state = state._replace(adapt=adapt)
    zeros = jnp.zeros(state.energy.shape, jnp.promote_types(state.energy.dtype, jnp.float32))  # bfloat16 cannot count

    def one_step(carry, i):
        state, total = carry
        state, info = kernel.step(jax.random.fold_in(rng_key, i), state)
        total = jax.tree.map(lambda t, i: t + i.astype(t.dtype), total, info)
        return (state, total), (None if collect is None else collect(state, info))

    start = (state, Info(zeros, zeros, zeros, zeros))
    (state, total), collected = jax.lax.scan(one_step, start, jnp.arange(num_steps), unroll=unroll)
    mean = jax.tree.map(lambda t: t / max(num_steps, 1), total)
    return state, mean._replace(num_nonfinite=total.num_nonfinite), collected


def sample_chain(
    chain: Chain, potential: Potential, rng_key: Array, position: PyTree, **options
) -> tuple[ChainState, Info, PyTree]:
    """`run_chain` of a `Chain` on a potential; `options` as for `run_chain`."""
    return run_chain(chain.make_kernel(potential), rng_key, position, chain.num_steps, unroll=chain.unroll, **options)
