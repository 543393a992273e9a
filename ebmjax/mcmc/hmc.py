"""Hamiltonian Monte Carlo, batched over chains: one gradient of the summed energy per leapfrog step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.mass import DenseMass, times, times_transposed
from ebmjax.mcmc.metropolis import accept_or_reject, initial_state, with_trajectory
from ebmjax.mcmc.options import at_step, check, check_start, traced
from ebmjax.types import Array, ChainState, Info, Kernel, Potential, PyTree


class Trajectory(NamedTuple):
    """Where the trajectories of B chains ended, before they were accepted or rejected.

    position, momentum: pytrees of `[B, ...]`, the momentum that of unit mass. num_leapfrog: int32 scalar, steps made.
    """

    position: PyTree
    momentum: PyTree
    num_leapfrog: int | Array


def leapfrog(
    potential: Potential,
    position: PyTree,
    momentum: PyTree,
    grad: PyTree,
    *,
    step_size: PyTree,
    num_leapfrog: int | Array,
    temperature: float | Array = 1.0,
    factor: Array | None = None,
) -> tuple[PyTree, PyTree, Array, PyTree]:
    """Leapfrog steps of H(x, p) = E(x) / T + |p|² / 2: reversible, volume preserving, error O(step_size²) in H.

    With a factor L, `[D, D]`, the same steps in the coordinates q of x = L q.

    Args:
        potential: x -> energy[B].
        position, momentum, grad: the start, pytrees of `[B, ...]`; grad = ∇E(position).
        step_size: a pytree like the position. num_leapfrog: ≥ 1, may be traced. temperature: T > 0.

    Returns:
        (position, momentum, energy `[B]`, grad) at the end, for `num_leapfrog` gradients.
    """

    def drift(x, p):
        p = p if factor is None else times(factor, p)
        return jax.tree.map(lambda xi, pi, e: xi + (e * pi).astype(xi.dtype), x, p, step_size)

    def kick(p, g, fraction):
        force = jax.tree.map(lambda gi, e: fraction * e / temperature * gi, g, step_size)
        force = force if factor is None else times_transposed(factor, force)
        return jax.tree.map(lambda pi, fi: pi - fi.astype(pi.dtype), p, force)

    # Energies are needed only at the end; before, XLA may drop them (3 times faster in low dimension on CPU).
    grad_fn = jax.grad(lambda x: jnp.sum(potential(x)))

    def one_step(_, carry):
        x, p = carry
        x = drift(x, p)
        return x, kick(p, grad_fn(x), 1.0)

    # Two successive half kicks are one kick.
    carry = (position, kick(momentum, grad, 0.5))
    position, momentum = jax.lax.fori_loop(0, num_leapfrog - 1, one_step, carry)
    position = drift(position, momentum)
    energy, grad = pytree.value_and_grad_rows(potential, position)
    return position, kick(momentum, grad, 0.5), energy, grad


def hmc(
    potential: Potential,
    *,
    step_size: float | Array | PyTree | Callable[[Array], PyTree],
    num_leapfrog: int | Array = 10,
    jitter: float = 0.5,
    inverse_mass: float | Array | PyTree | DenseMass = 1.0,
    temperature: float | Array | Callable[[Array], Array] = 1.0,
) -> Kernel:
    """Hamiltonian Monte Carlo: fresh momentum, about `num_leapfrog` leapfrog steps, accept or reject.

    In high dimension D the acceptance is best near 0.651, with step_size ∝ D^(-1/4) (Beskos et al. 2013).

    Args:
        potential: x -> energy[B].
        step_size: ε > 0 of the leapfrog on E / T with N(0, I) momentum, in units of x. A scalar (may be traced), a
            pytree like the position, or a callable of the int32 step. One leapfrog step of size s is a `mala` step.
        num_leapfrog: ≥ 1, the mean number of leapfrog steps, and of gradients, in a transition; may be traced.
        jitter: in [0, 1), static. Every transition draws the number of leapfrog steps, one for all chains, uniformly
            from num_leapfrog - k to num_leapfrog + k with k = ⌊jitter · num_leapfrog⌋. Trajectories of one length
            resonate: on N(0, I) all coordinates turn by the same angle, and if that is near π a transition maps x to
            about -x. Means then look excellent while |x| hardly changes (Neal 2011, section 3.2). With k = 0 and a
            static num_leapfrog transitions can be differentiated in reverse mode.
        inverse_mass: M⁻¹, best near the covariance of the target. Its diagonal, > 0: a scalar, or a pytree like the
            position whose leaves broadcast against it. Or all of it, `dense_mass(covariance)`.
        temperature: T > 0, a scalar or a schedule.

    Raises:
        ValueError: an option or a position outside these ranges, as far as their values are known when they are given.

    Reference: Duane et al. 1987 (Hybrid Monte Carlo); Neal 2011 (MCMC using Hamiltonian dynamics, arXiv 1206.1901).
    """
    check("hmc", potential=potential, step_size=step_size, num_leapfrog=num_leapfrog, jitter=jitter)
    check("hmc", inverse_mass=inverse_mass, temperature=temperature)
    length_known = not traced(num_leapfrog)
    spread = int(jitter * num_leapfrog) if length_known else jnp.floor(jitter * num_leapfrog).astype(jnp.int32)

    def init(position):
        check_start("hmc", position, step_size=step_size, inverse_mass=inverse_mass, temperature=temperature)
        return initial_state(potential, position)

    def trajectory(rng_key: Array, state: ChainState) -> tuple[ChainState, Info, Trajectory]:
        momentum_key, accept_key, length_key = jax.random.split(rng_key, 3)
        t = at_step(temperature, state.step)
        # Momentum N(0, M) with steps ε moves like momentum N(0, I) with steps ε M^(-1/2), or ε L with M⁻¹ = L Lᵀ.
        s, factor = pytree.leafwise(at_step(step_size, state.step), state.position), None
        if isinstance(inverse_mass, DenseMass):
            factor = inverse_mass.factor
        else:
            s = jax.tree.map(lambda si, v: si * jnp.sqrt(v), s, pytree.leafwise(inverse_mass, state.position))
        varies = not length_known or spread > 0
        length = num_leapfrog + (jax.random.randint(length_key, (), -spread, spread + 1) if varies else 0)
        momentum = pytree.normal_like(momentum_key, state.position)
        position, end, energy, grad = leapfrog(
            potential,
            state.position,
            momentum,
            state.grad,
            step_size=s,
            num_leapfrog=length,
            temperature=t,
            factor=factor,
        )
        # |p'|² - |p|² as a product, which has smaller rounding errors.
        kinetic_change = 0.5 * pytree.sum_rows(jax.tree.map(lambda p, q: (q - p) * (q + p), momentum, end))
        log_ratio = (state.energy - energy) / t - kinetic_change
        hamiltonian = state.energy / t + 0.5 * pytree.square_norm_rows(momentum)
        state, info = accept_or_reject(accept_key, state, (position, energy, grad), log_ratio)
        return state, with_trajectory(info, hamiltonian, -log_ratio), Trajectory(position, end, length)

    def step(rng_key, state):
        return trajectory(rng_key, state)[:2]

    return Kernel(init, step, trajectory=trajectory)
