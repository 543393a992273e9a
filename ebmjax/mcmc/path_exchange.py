"""Replica exchange along the path from a base with exact samples to the target: its replicas also give log Z."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.mcmc.metropolis import initial_state
from ebmjax.mcmc.options import check, check_start
from ebmjax.mcmc.path import Base, bridge, check_betas
from ebmjax.mcmc.swaps import start_exchange, swap_round, take
from ebmjax.pytree import at_least_float32, energy_rows, spread_like, square_norm_rows, value_and_grad_rows
from ebmjax.types import Array, ChainState, Info, Kernel, Potential, PyTree

AXES: tuple = (1, 1, 1, None, 0)
REPLICA = ChainState(*AXES)
"""The axis of replicas in each field of a state."""


def to_target(state: ChainState, base: Base, beta: Array) -> ChainState:
    """From energy and gradient of the path at β > 0, U = β E - (1 - β) log q, to those of the target, E.

    Rounding errors grow like 1 / β, as differences of E that matter there do.
    """
    log_prob, slope = value_and_grad_rows(base.log_prob, state.position)
    invert = lambda path, log_q: ((path + (1.0 - beta) * log_q) / beta).astype(path.dtype)
    grad = jax.tree.map(invert, state.grad, slope) if jax.tree.leaves(state.grad) else state.grad
    return state._replace(energy=invert(state.energy, log_prob), grad=grad)


def to_path(state: ChainState, base: Base, beta: Array) -> ChainState:
    """The inverse of `to_target`."""
    log_prob, slope = value_and_grad_rows(base.log_prob, state.position)
    mix = lambda target, log_q: (beta * target - (1.0 - beta) * log_q).astype(target.dtype)
    grad = jax.tree.map(mix, state.grad, slope) if jax.tree.leaves(state.grad) else state.grad
    return state._replace(energy=mix(state.energy, log_prob), grad=grad)


def drawn(rng_key: Array, base: Base, potential: Potential, like: ChainState) -> ChainState:
    """Fresh draws of the base in the shapes and dtypes of a replica's state `like`, with energy and gradient of E."""
    x = base.sample(rng_key, like.energy.shape[0])
    x = spread_like(jax.tree.map(lambda a, b: a.astype(b.dtype), x, like.position), like.energy)
    if jax.tree.leaves(like.grad):
        return initial_state(potential, x)._replace(step=like.step)
    return like._replace(position=x, energy=at_least_float32(energy_rows(potential, x)))


def replica(state: PyTree, index: int | slice) -> PyTree:
    """Of leaves `[B, R, ...]`, one replica or several."""
    return jax.tree.map(lambda a: a[:, index], state)


def join(first: PyTree, others: PyTree) -> PyTree:
    """Leaves `[B, ...]` before `[B, R - 1, ...]`: `[B, R, ...]`."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a[:, None], b], axis=1), first, others)


def path_exchange(
    base: Base, potential: Potential, *, betas: ArrayLike, make_kernel: Callable[[Potential], Kernel]
) -> Kernel:
    """B chains of R replicas: replica r samples q^(1-β_r) exp(-β_r E); neighbours try to swap after every transition.

    Replica 0, the base q, is drawn afresh in every round, so what reaches the target by swaps is independent of where
    the chain was before; replica R - 1 is the target: its samples are `position[:, -1]`. Shapes, `Info` and `adapt` are
    those of `replica_exchange`; `energy` and `grad` are those of E. The energies of all replicas give log Z:
    `estimators.ladder`. A transition costs as many gradients of E a replica as one of the kernel, and three of log q.

    Every replica has a kernel of its own, so that `adapt_step_size` finds a step size for every β, from B chains each.
    The leaves of `Exchange.kernel` have a first axis of the R - 1 replicas that move.

    Args:
        base: exact samples and normalised log density. potential: E, x -> energy[B], finite where q has mass, or +inf.
        betas: `[R]`, rising from 0 to 1, R ≥ 2, e.g. those that `tempered_smc` chose. May be traced.
        make_kernel: as in `Chain`, called with the path's energy at β. It must not change coordinates.

    Raises:
        ValueError: betas do not rise from 0 to 1, or a leaf of the position is not `[B, R, ...]`.

    Reference: Syed et al. 2022 (arXiv 1905.02939).
    """
    check("path_exchange", potential=potential, make_kernel=make_kernel)
    betas = check_betas(betas)
    num, warm = betas.size, betas[1:]
    at = lambda beta: make_kernel(bridge(base, potential, beta))

    def init(position):
        check_start("path_exchange", position)
        shapes = jax.tree.map(jnp.shape, position)
        if any(leaf.ndim < 2 or leaf.shape[1] != num for leaf in jax.tree.leaves(position)):
            raise ValueError(f"positions at {num} inverse temperatures must be [B, {num}, ...], got {shapes}")
        position = at_least_float32(position)
        first = initial_state(potential, replica(position, 0))
        start = lambda beta, x: to_target(at(beta).init(x), base, beta)
        state = jax.vmap(start, (0, 1), REPLICA)(warm, replica(position, slice(1, None)))
        grad = join(first.grad, state.grad) if jax.tree.leaves(state.grad) else ()
        energy = join(first.energy, state.energy)
        return ChainState(position, energy, grad, state.step, start_exchange(energy, state.adapt))

    def move(beta, rng_key, state):
        state, info = at(beta).step(rng_key, to_path(state, base, beta))
        return to_target(state, base, beta), info

    def step(rng_key, state):
        draw_key, move_key, swap_key = jax.random.split(rng_key, 3)
        parts = (state.position, state.energy, state.grad)
        fresh = drawn(draw_key, base, potential, ChainState(*replica(parts, 0), state.step))
        inner = ChainState(*replica(parts, slice(1, None)), state.step, state.adapt.kernel)
        keys = jax.random.split(move_key, num - 1)
        inner, info = jax.vmap(move, (0, 0, REPLICA), (REPLICA, 1))(warm, keys, inner)
        position, energy, grad = join(
            (fresh.position, fresh.energy, fresh.grad), (inner.position, inner.energy, inner.grad)
        )
        slope = energy + jax.vmap(base.log_prob, 1, 1)(position).astype(energy.dtype)
        source, exchange = swap_round(swap_key, state.adapt._replace(kernel=inner.adapt), slope, betas)
        position, energy, grad = take((position, energy, grad), source)
        return ChainState(position, energy, grad, inner.step, exchange), report(info, energy, grad)

    return Kernel(init, step, at(warm[-1]).adjusted)


def report(info: Info, energy: Array, grad: PyTree) -> Info:
    """`Info` `[B, R]`, with energy and norm of the gradient as they are after the swaps. Fresh draws are accepted."""
    fresh = jax.tree.map(lambda a: jnp.zeros_like(a[:, 0]), info)
    info = join(fresh._replace(acceptance_rate=jnp.ones_like(fresh.acceptance_rate)), info)
    still = jax.lax.stop_gradient(grad)
    norm = jnp.sqrt(jax.vmap(square_norm_rows, 1, 1)(still)) if jax.tree.leaves(grad) else jnp.zeros_like(energy)
    return info._replace(energy=energy, grad_norm=norm)
