"""Replica exchange (parallel tempering): replicas of every chain at several temperatures, which swap positions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.mcmc.metropolis import uniform_rows
from ebmjax.mcmc.options import check, check_start
from ebmjax.pytree import at_least_float32, spread_like
from ebmjax.types import Array, ChainState, Kernel, Potential, PyTree


class Exchange(NamedTuple):
    """`ChainState.adapt` of replica exchange.

    num_rounds: int32 scalar, rounds of swaps so far; its parity selects the next pairs. It is kept across `init`, so
        that chains with one transition per training step still swap all pairs.
    swap_rate: float32 `[R - 1]`, mean probability of accepting the swap of replicas r and r + 1, over all chains and
        past attempts. The sum of 1 - swap_rate estimates the communication barrier Λ: a good ladder has equal rates
        and about 2Λ replicas (Syed et al. 2022).
    kernel: `adapt` of the kernel that moves the replicas.
    """

    num_rounds: Array
    swap_rate: Array
    kernel: PyTree


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


def outer_state(inner: ChainState, temperatures: Array, num_rounds: Array, swap_rate: Array) -> ChainState:
    """From the moving kernel's state of B · R rows, in units of √T, to the state of B chains of R replicas."""
    position, energy, grad = to_replicas(temperatures.size, (inner.position, inner.energy, inner.grad))
    unit, adapt = jnp.sqrt(temperatures), Exchange(num_rounds, swap_rate, inner.adapt)
    return ChainState(scale(unit, position), scale(temperatures, energy), scale(unit, grad), inner.step, adapt)


def inner_state(state: ChainState, temperatures: Array) -> ChainState:
    """The inverse of `outer_state`."""
    shrink = jnp.sqrt(1.0 / temperatures)
    parts = scale(shrink, state.position), scale(1.0 / temperatures, state.energy), scale(shrink, state.grad)
    return ChainState(*to_rows(parts), state.step, state.adapt.kernel)


def swap_probability(energy: Array, temperatures: Array) -> Array:
    """min(1, exp((1 / T_r - 1 / T_{r+1}) (E_r - E_{r+1}))) of untempered energies `[B, R]`: `[B, R - 1]`."""
    inverse = (1.0 / temperatures).astype(energy.dtype)
    log_ratio = (inverse[:-1] - inverse[1:]) * (energy[:, :-1] - energy[:, 1:])
    # No swaps with a replica whose energy is NaN.
    return jnp.where(jnp.isnan(log_ratio), 0.0, jnp.exp(jnp.minimum(log_ratio, 0.0)))


def swap_source(accept: Array) -> Array:
    """The replica from which each one takes its position, int32 `[B, R]`, if the pairs (r, r + 1) in `accept` swap.

    accept: bool `[B, R - 1]`, no two neighbouring pairs.
    """
    up, down = jnp.pad(accept, ((0, 0), (0, 1))), jnp.pad(accept, ((0, 0), (1, 0)))
    return jnp.arange(up.shape[1]) + up.astype(jnp.int32) - down.astype(jnp.int32)


def running_mean(mean: Array, value: Array, tried: Array, num_rounds: Array) -> Array:
    """Mean over the rounds in which a pair was tried, `[R - 1]`; even pairs in even rounds, odd pairs in odd ones."""
    attempts = num_rounds // 2 + 1  # of the pairs tried now, this round included
    return mean + jnp.where(tried, (value.astype(mean.dtype) - mean) / attempts, 0.0)


def replica_exchange(
    potential: Potential, *, temperatures: ArrayLike, make_kernel: Callable[[Potential], Kernel]
) -> Kernel:
    """B chains of R replicas: replica r samples exp(-E / T_r); after every transition neighbours try to swap positions.

    Positions, gradients, `energy` and all of `Info` have two chain axes, `[B, R, ...]`; energies are untempered, E.
    Samples of the target are `position[:, 0]`, if T_0 = 1. `Info.acceptance_rate`, divergences and `hamiltonian` are
    those of the moves; rates of swaps are in `state.adapt.swap_rate`. Start from x `[B, ...]` with
    `jnp.repeat(x[:, None], R, axis=1)`.

    Pairs (0, 1), (2, 3) ... are tried in even rounds, (1, 2), (3, 4) ... in odd ones: unlike a random choice, this
    carries positions along the ladder in O(R) rather than O(R²) rounds. A replica moves in units of √T: the kernel
    runs on y -> E(√T y) / T, and its step size s acts as s √T. A momentum in its `adapt` stays with its temperature, as
    it is independent of the position. Unadjusted kernels keep their bias at every temperature.

    Args:
        potential: x -> energy[B]. It may be bound to B examples; the gradient of all B · R rows is one call.
        temperatures: `[R]`, > 0, rising, usually from 1, e.g. `jnp.geomspace(1.0, 10.0, 6)`. May be traced.
        make_kernel: as in `Chain`, e.g. `functools.partial(mcmc.mala, step_size=0.1)`, with temperature 1. Any kernel
            that does not change coordinates; so use this kernel inside `neural_transport`, not the reverse.

    Raises:
        ValueError: temperatures are not a vector of numbers > 0, or a leaf of the position is not `[B, R, ...]`.

    Reference: Geyer 1991; Okabe et al. 2001 and Syed et al. 2022 (arXiv 1905.02939) for the even-odd scheme.
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
        swap_rate = spread_like(jnp.zeros(num - 1, jnp.float32), jnp.sum(inner.energy))
        return outer_state(inner, temperatures, jnp.zeros((), jnp.int32), swap_rate)

    def step(rng_key, state):
        move_key, swap_key = jax.random.split(rng_key)
        num_rounds, swap_rate, _ = state.adapt
        inner, info = kernel.step(move_key, inner_state(state, temperatures))
        info = to_replicas(num, info)
        probability = swap_probability(scale(temperatures, to_replicas(num, inner.energy)), temperatures)
        tried = jnp.arange(num - 1) % 2 == num_rounds % 2
        source = swap_source(tried & (uniform_rows(swap_key, probability) < probability))
        swap_rate = running_mean(swap_rate, jnp.mean(probability, axis=0), tried, num_rounds)
        moved = outer_state(inner, temperatures, num_rounds + 1, swap_rate)
        swap = lambda tree: jax.tree.map(lambda a: jax.vmap(lambda row, r: row[r])(a, source), tree)
        norm = scale(jnp.sqrt(temperatures), info.grad_norm)
        position, energy, grad, norm = swap((moved.position, moved.energy, moved.grad, norm))
        moved = moved._replace(position=position, energy=energy, grad=grad)
        return moved, info._replace(energy=energy, grad_norm=norm)

    return Kernel(init, step, kernel.adjusted)
