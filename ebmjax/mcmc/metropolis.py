"""The first and the last step of every kernel: evaluate the start; accept or reject proposals, and report `Info`."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from ebmjax import pytree
from ebmjax.types import Array, ChainState, Info, Potential, PyTree


def initial_state(potential: Potential, position: PyTree) -> ChainState:
    """`Kernel.init` of kernels that use gradients, before any adaptation.

    Positions become at least float32: in bfloat16 a small step would be rounded away. Entries of the gradient that are
    not finite count as 0. Only a start can have them, and NaN would make every proposal NaN.
    """
    position = pytree.at_least_float32(position)
    energy, grad = pytree.value_and_grad_rows(potential, position)
    grad = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), grad)
    return ChainState(position, energy, grad, jnp.zeros((), jnp.int32))


def uniform_rows(rng_key: Array, like: Array) -> Array:
    """One draw per chain from U(0, 1), in the shape `[B]` and dtype of `like`, at least float32.

    JAX draws multiples of 2^-23, and 0 would accept a proposal of any ratio: it is replaced by 2^-24.
    """
    dtype = jnp.promote_types(like.dtype, jnp.float32)
    return jnp.maximum(jax.random.uniform(rng_key, like.shape, dtype), jnp.finfo(dtype).eps / 2)


def accept_or_reject(
    rng_key: Array, state: ChainState, proposal: tuple[PyTree, Array, PyTree], log_ratio: Array
) -> tuple[ChainState, Info]:
    """Row i moves to its proposal with probability min(1, exp(log_ratio[i])), else it stays.

    Args:
        rng_key: for one uniform number per chain.
        state: the current one; its `adapt` is passed on.
        proposal: (position, energy `[B]`, grad), grad `()` for kernels that need none.
        log_ratio: `[B]`, log of π(x') q(x | x') / (π(x) q(x' | x)). NaN rejects.

    Returns:
        The next state and `Info`. A proposal with a non-finite energy or gradient, or a NaN ratio, has acceptance
        rate 0 and is counted. A chain that starts at an energy that is not finite moves to its first proposal that has
        a finite energy and gradient, whatever the ratio. (All gradients along a trajectory of hmc must be finite too.)

    Reference: Metropolis et al. 1953; Hastings 1970 (Monte Carlo sampling methods using Markov chains).
    """
    log_ratio = jnp.where(jnp.isfinite(state.energy), pytree.at_least_float32(log_ratio), jnp.inf)
    finite = pytree.finite_rows(proposal[1:]) & ~jnp.isnan(log_ratio)
    dtype = jnp.promote_types(state.energy.dtype, jnp.float32)
    rate = jnp.where(finite, jnp.exp(jnp.minimum(log_ratio, 0.0)), 0.0).astype(dtype)
    return move_rows(state, proposal, uniform_rows(rng_key, rate) < rate, rate, finite)


MAX_ENERGY_RISE = 1000.0
"""Along a trajectory of stable leapfrog steps H changes by about 1. Where it has risen by this much, the steps are too
long for the curvature there: acceptance e^-1000. The limit is Stan's."""


def with_trajectory(info: Info, hamiltonian: Array, change: Array) -> Info:
    """`info` with what kernels of Hamiltonian trajectories report in addition: H and divergences.

    hamiltonian: `[B]`, H = E / T + kinetic energy at the start of the trajectory. change: `[B]`, H at its end minus
    that. A trajectory from a finite H diverged if the change is above `MAX_ENERGY_RISE` or NaN.
    """
    divergent = jnp.isfinite(hamiltonian) & ~(change <= MAX_ENERGY_RISE)
    return info._replace(num_divergent=divergent.astype(info.energy.dtype), hamiltonian=hamiltonian)


def accept_finite(state: ChainState, proposal: tuple[PyTree, Array, PyTree]) -> tuple[ChainState, Info]:
    """For kernels without Metropolis correction: rows move if energy and gradient of the proposal are finite."""
    finite = pytree.finite_rows(proposal[1:])
    return move_rows(state, proposal, finite, finite.astype(state.energy.dtype), finite)


def evaluate_proposal(potential: Potential, proposal: PyTree, position: PyTree) -> tuple[Array, PyTree]:
    """`pytree.value_and_grad_rows` at `proposal`, safe to differentiate through a chain that rejects some rows.

    Where energy or gradient is not finite, the derivatives are those at `position`, where that row stays. They are
    later multiplied by 0, which would not remove NaN in reverse mode. Values and their cost are those of the plain
    evaluation; a differentiated chain needs one more evaluation per step.
    """
    evaluate, held = jax.closure_convert(lambda x: pytree.value_and_grad_rows(potential, x), proposal)

    @jax.custom_jvp
    def values(proposal, position, held):
        return evaluate(proposal, *held)

    @partial(values.defjvp, symbolic_zeros=True)
    def derivatives(primals, tangents):
        value = values(*primals)
        finite = pytree.finite_rows(value)
        leaves, treedef = jax.tree.flatten(primals)
        moving = {i: t for i, t in enumerate(jax.tree.leaves(tangents)) if not isinstance(t, SymbolicZero)}

        def where_it_stays(*moved):  # only of inputs with tangents: constant parameters cost no derivative
            given = dict(zip(moving, moved, strict=True))
            proposal, position, held = treedef.unflatten([given.get(i, leaf) for i, leaf in enumerate(leaves)])
            return evaluate(pytree.where_rows(finite, proposal, position), *held)

        return value, jax.jvp(where_it_stays, [leaves[i] for i in moving], list(moving.values()))[1]

    return values(proposal, jax.lax.stop_gradient(position), held)


def move_rows(state: ChainState, proposal: tuple, accept: Array, rate: Array, finite: Array) -> tuple[ChainState, Info]:
    """Rows of `proposal` where `accept`, else of `state`; accept, finite: bool `[B]`, rate: `[B]`."""
    position, energy, grad = pytree.where_rows(accept, proposal, (state.position, state.energy, state.grad))
    still = jax.lax.stop_gradient(grad)  # the square root has no derivative at 0
    grad_norm = jnp.sqrt(pytree.square_norm_rows(still)) if jax.tree.leaves(grad) else jnp.zeros_like(energy)
    info = Info(energy, grad_norm, rate, (~finite).astype(energy.dtype))
    return ChainState(position, energy, grad, state.step + 1, state.adapt), info
