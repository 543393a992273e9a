"""Unadjusted Langevin dynamics, in the one convention of the package (ebmjax/types.py)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.metropolis import accept_finite, evaluate_proposal, initial_state
from ebmjax.mcmc.options import at_step, check, check_start
from ebmjax.types import Array, Kernel, Potential, PyTree


def langevin(
    potential: Potential,
    *,
    step_size: float | Array | PyTree | Callable[[Array], PyTree],
    temperature: float | Array | Callable[[Array], Array] = 1.0,
    noise_scale: float = 1.0,
    clip_grad: float | None = None,
    box: tuple[float, float] | None = None,
) -> Kernel:
    """Langevin transitions x' = x - s² / (2T) ∇E(x) + noise_scale · s ε without Metropolis correction.

    They leave exp(-E / T) invariant as s → 0; for E = x² / (2σ²), T = 1, the stationary variance is
    σ² / (1 - s² / (4σ²)) and chains diverge at s ≥ 2σ (ULA's bias).

    Args:
        potential: x -> energy[B].
        step_size: s > 0, standard deviation of the noise, in units of x. A scalar (may be traced, may be learned),
            a pytree like the position (one per layer of latents), or a callable of the int32 step (a schedule).
        temperature: T > 0, a scalar or a schedule.
        noise_scale: multiplies the noise alone. 0 (static) is gradient descent with rate s² / (2T); other values
            than 1 sample at temperature noise_scale² · T.
        clip_grad: if given, every entry of ∇E is clipped to [-clip_grad, clip_grad] before the step.
        box: if given, positions are clipped to [low, high] after the step (IGEBM; biases the samples at the border).

    A proposal with non-finite energy or gradient is rejected: that chain stays, and `Info` counts it.

    Raises:
        ValueError: an option or a position outside these ranges, as far as their values are known when they are given.

    Reference: Nijkamp et al. 2019 (arXiv 1904.09770), with s = their noise and T = s² / (2 · gradient step).
    """

    check("langevin", potential=potential, step_size=step_size, temperature=temperature)
    check("langevin", noise_scale=noise_scale, clip_grad=clip_grad, box=box)

    def init(position):
        check_start("langevin", position, step_size=step_size, temperature=temperature)
        return initial_state(potential, position)

    def step(rng_key, state):
        s = pytree.leafwise(at_step(step_size, state.step), state.position)
        drift = jax.tree.map(lambda si: si**2 / (2.0 * at_step(temperature, state.step)), s)
        grad = state.grad
        if clip_grad is not None:
            grad = jax.tree.map(lambda g: jnp.clip(g, -clip_grad, clip_grad), grad)
        proposal = jax.tree.map(lambda x, g, d: x - (d * g).astype(x.dtype), state.position, grad, drift)
        if not isinstance(noise_scale, int | float) or noise_scale != 0:
            noise = pytree.normal_like(rng_key, proposal)
            proposal = jax.tree.map(lambda x, e, si: x + (noise_scale * si * e).astype(x.dtype), proposal, noise, s)
        if box is not None:
            proposal = jax.tree.map(lambda x: jnp.clip(x, *box), proposal)
        energy, grad = evaluate_proposal(potential, proposal, state.position)
        return accept_finite(state, (proposal, energy, grad))

    return Kernel(init, step, adjusted=False)
