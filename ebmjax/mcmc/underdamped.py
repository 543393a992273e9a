"""Underdamped Langevin dynamics: Hamiltonian motion with friction and noise, momentum kept between transitions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.hmc import leapfrog
from ebmjax.mcmc.metropolis import accept_finite, initial_state
from ebmjax.mcmc.options import at_step, check, check_start
from ebmjax.types import Array, Kernel, Potential, PyTree


class Momentum(NamedTuple):
    """`ChainState.adapt` of `underdamped`.

    value: pytree like the position. drawn: bool `[B]`; if False (at the start, after a rejection) the next transition
    draws the momentum afresh from N(0, I) instead of refreshing `value` in part.
    """

    value: PyTree
    drawn: Array


def underdamped(
    potential: Potential,
    *,
    step_size: float | Array | PyTree | Callable[[Array], PyTree],
    friction: float | Array = 1.0,
    splitting: str = "OBABO",
    temperature: float | Array | Callable[[Array], Array] = 1.0,
) -> Kernel:
    """Underdamped (kinetic) Langevin transitions, OBABO or BAOAB splitting, without Metropolis correction.

    B: p ← p - h ∇E / T, a kick. A: x ← x + h p, a drift. O: p ← c p + √(1 - c²) ε with c = exp(-friction · h).

    "OBABO": O, then B-A-B, one leapfrog step of size s = step_size; the two half steps O between transitions are
    combined. The stationary density of positions has an error of O(s²); for E = x² / (2σ²), T = 1, their variance is
    σ² / (1 - s² / (4σ²)) for any friction. As friction → ∞ it becomes `langevin` with the same s, path by path.

    "BAOAB": half a kick, half a drift, O with h = s, half a drift, half a kick. For a Gaussian the variance of
    positions is σ² exactly, for any friction and any s below 2σ, and that of momenta 1 - s² / (4σ²). Elsewhere the
    error is O(s²) too, with a smaller constant, and O(s⁴) as friction → ∞. Take it for moments of positions.

    Args:
        potential: x -> energy[B].
        step_size: s > 0, as in `hmc`, in units of x: a scalar (may be traced), a pytree like the position, or a
            callable of the int32 step.
        friction: γ ≥ 0, finite, in units of 1 / step_size: momentum decays over about 1 / (γ s) transitions. 0 keeps
            H = E / T + |p|² / 2: chains then follow orbits from their first momentum, and do not sample.
        splitting: "OBABO" or "BAOAB"; both cost one gradient.
        temperature: T > 0, a scalar or a schedule.

    A proposal with non-finite energy or gradient is rejected, and its momentum redrawn; `Info` counts it.

    Raises:
        ValueError: an option or a position outside these ranges, as far as their values are known when they are given.

    Reference: Bussi & Parrinello 2007 (arXiv 0803.4083) for OBABO; Leimkuhler & Matthews 2013 (Rational construction
    of stochastic numerical methods for molecular sampling, arXiv 1203.5428) for BAOAB.
    """

    check("underdamped", potential=potential, step_size=step_size, friction=friction, temperature=temperature)
    check("underdamped", splitting=splitting)

    def init(position):
        check_start("underdamped", position, step_size=step_size, temperature=temperature)
        state = initial_state(potential, position)
        adapt = Momentum(jax.tree.map(jnp.zeros_like, state.position), jnp.zeros_like(state.energy, dtype=bool))
        return state._replace(adapt=adapt)

    def refresh(rng_key, momentum, s):
        def one_leaf(p, e, si):
            keep = jnp.where(pytree.per_row(momentum.drawn, p), jnp.exp(-friction * si), 0.0)
            return (keep * p + jnp.sqrt(1.0 - keep**2) * e).astype(p.dtype)

        return jax.tree.map(one_leaf, momentum.value, pytree.normal_like(rng_key, momentum.value), s)

    def obab(rng_key, state, s, t):
        momentum = refresh(rng_key, state.adapt, s)
        return leapfrog(potential, state.position, momentum, state.grad, step_size=s, num_leapfrog=1, temperature=t)

    def baoab(rng_key, state, s, t):
        kick = lambda p, g: jax.tree.map(lambda pi, gi, e: pi - (0.5 * e / t * gi).astype(pi.dtype), p, g, s)
        drift = lambda x, p: jax.tree.map(lambda xi, pi, e: xi + (0.5 * e * pi).astype(xi.dtype), x, p, s)
        start_key, noise_key = jax.random.split(rng_key)
        momentum = kick(first_draw(start_key, state.adapt), state.grad)
        position = drift(state.position, momentum)
        drawn = Momentum(momentum, jnp.ones_like(state.adapt.drawn))
        momentum = refresh(noise_key, drawn, s)
        position = drift(position, momentum)
        energy, grad = pytree.value_and_grad_rows(potential, position)
        return position, kick(momentum, grad), energy, grad

    move = obab if splitting == "OBABO" else baoab

    def step(rng_key, state):
        s = pytree.leafwise(at_step(step_size, state.step), state.position)
        t = at_step(temperature, state.step)
        position, momentum, energy, grad = move(rng_key, state, s, t)
        finite = pytree.finite_rows((energy, grad))
        momentum = pytree.where_rows(finite, momentum, jax.tree.map(jnp.zeros_like, momentum))
        state, info = accept_finite(state, (position, energy, grad))
        return state._replace(adapt=Momentum(momentum, finite)), info

    return Kernel(init, step, adjusted=False)


def first_draw(rng_key: Array, momentum: Momentum) -> PyTree:
    """The momenta, N(0, I) where there is none yet; noise is drawn only if some chain needs it."""
    fresh = lambda value: pytree.where_rows(momentum.drawn, value, pytree.normal_like(rng_key, value))
    return jax.lax.cond(jnp.all(momentum.drawn), lambda value: value, fresh, momentum.value)
