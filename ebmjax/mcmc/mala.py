"""The Metropolis-adjusted Langevin algorithm: Langevin steps without bias, since they are accepted or rejected."""

from collections.abc import Callable

import jax

from ebmjax import pytree
from ebmjax.mcmc.metropolis import accept_or_reject, initial_state
from ebmjax.mcmc.options import at_step, check, check_start
from ebmjax.types import Array, Kernel, Potential, PyTree


def mala(
    potential: Potential,
    *,
    step_size: float | Array | PyTree | Callable[[Array], PyTree],
    temperature: float | Array | Callable[[Array], Array] = 1.0,
) -> Kernel:
    """Langevin proposals x' = x - s² / (2T) ∇E(x) + s ε with Metropolis correction: exact for every s.

    In high dimension D the acceptance is best near 0.574, with s² ∝ D^(-1/3) (Roberts & Rosenthal 1998); on N(0, I)
    that is s² = 2.72 D^(-1/3).

    Args:
        potential: x -> energy[B].
        step_size: s > 0 as in `langevin`: the standard deviation of the noise, in units of x. A scalar (may be
            traced), a pytree like the position (leaves may be arrays: a diagonal preconditioner), or a callable of
            the int32 step. Where others write a drift h ∇ log p and noise √(2h) (blackjax), s = √(2h).
        temperature: T > 0, a scalar or a schedule.

    Raises:
        ValueError: an option or a position outside these ranges, as far as their values are known when they are given.

    Reference: Roberts & Tweedie 1996 (Exponential convergence of Langevin distributions and their discrete
    approximations).
    """

    check("mala", potential=potential, step_size=step_size, temperature=temperature)

    def init(position):
        check_start("mala", position, step_size=step_size, temperature=temperature)
        return initial_state(potential, position)

    def step(rng_key, state):
        noise_key, accept_key = jax.random.split(rng_key)
        t = at_step(temperature, state.step)
        s = pytree.leafwise(at_step(step_size, state.step), state.position)
        noise = pytree.normal_like(noise_key, state.position)
        move = lambda x, g, e, si: x + (si * e - si**2 / (2.0 * t) * g).astype(x.dtype)
        position = jax.tree.map(move, state.position, state.grad, noise, s)
        energy, grad = pytree.value_and_grad_rows(potential, position)
        # The reverse step needs the noise ε' = δ - ε with δ = s (∇E + ∇E') / (2T), and ε² - ε'² = δ (2ε - δ): a form
        # that does not subtract two large squares.
        delta = jax.tree.map(lambda g, h, si: si / (2.0 * t) * (g + h), state.grad, grad, s)
        log_q_ratio = 0.5 * pytree.sum_rows(jax.tree.map(lambda d, e: d * (2.0 * e - d), delta, noise))
        log_ratio = (state.energy - energy) / t + log_q_ratio
        return accept_or_reject(accept_key, state, (position, energy, grad), log_ratio)

    return Kernel(init, step)
