"""Replica exchange (parallel tempering): replicas of every chain at several temperatures, which swap positions."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.mcmc.options import check, check_start
from ebmjax.mcmc.swaps import Exchange, start_exchange, swap_round, take
from ebmjax.pytree import at_least_float32
from ebmjax.types import Array, ChainState, Kernel, Potential, PyTree


def scale(factor: Array, tree: PyTree) -> PyTree:
    """Multiply replica r of every leaf `[B, R, ...]` by factor `[R]`, in the leaf's dtype."""
    return jax.tree.map(lambda a: a * factor.reshape(-1, *(1,) * (a.ndim - 2)).astype(a.dtype), tree)


def to_rows(tree: PyTree) -> PyTree:
    """`[B, R, ...]` -> `[B · R, ...]`: chains before replicas, so that a sharded first axis stays where it is."""
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), tree)


def to_replicas(num: int, tree: PyTree) -> PyTree:
    """`[B · R, ...]` -> `[B, R, ...]` with R = num."""
    return jax.tree.map(lambda a: a.reshape(-1, num, *a.shape[1:]), tree)


def tempered(potential: Potential, temperatures: Array) -> Potential:
    """Rows y `[B · R, ...]` -> E(√T y) / T with T of the row's replica. Replicas are a vmap over the potential's rows.

    In units of √T one step size suits every temperature: near a minimum, y has the same distribution at all of them.
    """

    def energy(y):
        x = scale(jnp.sqrt(temperatures), to_replicas(temperatures.size, y))
        value = jax.vmap(potential, in_axes=1, out_axes=-1)(x)
        return (value / temperatures.astype(value.dtype)).reshape(-1)

    return energy


def outer_state(inner: ChainState, temperatures: Array, exchange: Exchange | None = None) -> ChainState:
    """From the moving kernel's state of B · R rows, in units of √T, to the state of B chains of R replicas."""
    position, energy, grad = to_replicas(temperatures.size, (inner.position, inner.energy, inner.grad))
    unit, energy = jnp.sqrt(temperatures), scale(temperatures, energy)
    adapt = start_exchange(energy, inner.adapt) if exchange is None else exchange._replace(kernel=inner.adapt)
    return ChainState(scale(unit, position), energy, scale(unit, grad), inner.step, adapt)


def inner_state(state: ChainState, temperatures: Array) -> ChainState:
    """The inverse of `outer_state`."""
    shrink = jnp.sqrt(1.0 / temperatures)
    parts = scale(shrink, state.position), scale(1.0 / temperatures, state.energy), scale(shrink, state.grad)
    return ChainState(*to_rows(parts), state.step, state.adapt.kernel)


def replica_exchange(
    potential: Potential, *, temperatures: ArrayLike, make_kernel: Callable[[Potential], Kernel]
) -> Kernel:
    """B chains of R replicas: replica r samples exp(-E / T_r); after every transition neighbours try to swap positions.

    Positions, gradients, `energy` and all of `Info` have two chain axes, `[B, R, ...]`; energies are untempered, E.
    Samples of the target are `position[:, 0]`, if T_0 = 1. `Info.acceptance_rate`, divergences and `hamiltonian` are
    those of the moves; rates of swaps and round trips are in `state.adapt`, an `Exchange`. Start from x `[B, ...]` with
    `jnp.repeat(x[:, None], R, axis=1)`.

    `swaps.swap_round` has the order of the swaps. A replica moves in units of √T: the kernel runs on y -> E(√T y) / T,
    and its step size s acts as s √T. A momentum in its `adapt` stays with its temperature, as it is independent of the
    position. Unadjusted kernels keep their bias at every temperature.

    Args:
        potential: x -> energy[B]. It may be bound to B examples; the gradient of all B · R rows is one call.
        temperatures: `[R]`, > 0, rising, usually from 1, e.g. `jnp.geomspace(1.0, 10.0, 6)`. May be traced.
        make_kernel: as in `Chain`, e.g. `functools.partial(mcmc.mala, step_size=0.1)`, with temperature 1. Any kernel
            that does not change coordinates; so use this kernel inside `neural_transport`, not the reverse.

    Raises:
        ValueError: temperatures are not a vector of numbers > 0, or a leaf of the position is not `[B, R, ...]`.

    Reference: Geyer 1991 (Markov chain Monte Carlo maximum likelihood).
    """
    temperatures = jnp.asarray(temperatures, float)
    check("replica_exchange", potential=potential, temperatures=temperatures, make_kernel=make_kernel)
    num = temperatures.size
    kernel = make_kernel(tempered(potential, temperatures))

    def init(position):
        check_start("replica_exchange", position)
        shapes = jax.tree.map(jnp.shape, position)
        if any(leaf.ndim < 2 or leaf.shape[1] != num for leaf in jax.tree.leaves(position)):
            raise ValueError(f"positions at {num} temperatures must be [B, {num}, ...], got {shapes}")
        inner = kernel.init(to_rows(scale(jnp.sqrt(1.0 / temperatures), at_least_float32(position))))
        return outer_state(inner, temperatures)

    def step(rng_key, state):
        move_key, swap_key = jax.random.split(rng_key)
        inner, info = kernel.step(move_key, inner_state(state, temperatures))
        info = to_replicas(num, info)
        moved = outer_state(inner, temperatures, state.adapt)
        source, exchange = swap_round(swap_key, moved.adapt, moved.energy, 1.0 / temperatures)
        norm = scale(jnp.sqrt(temperatures), info.grad_norm)
        position, energy, grad, norm = take((moved.position, moved.energy, moved.grad, norm), source)
        moved = ChainState(position, energy, grad, moved.step, exchange)
        return moved, info._replace(energy=energy, grad_norm=norm)

    return Kernel(init, step, kernel.adjusted)
