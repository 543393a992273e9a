"""Adaptation of one step size for all chains to a target acceptance rate."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.pytree import spread_like
from ebmjax.types import Array, Kernel, Potential, PyTree


class StepSize(NamedTuple):
    """`ChainState.adapt` of `adapt_step_size`; scalars.

    log_step: of the next transition. log_average: slowly averaged log_step, the one to freeze. mean_error: average
    of target - acceptance (dual averaging). count: int32, updates made. inner: `adapt` of the wrapped kernel.
    """

    log_step: Array
    log_average: Array
    mean_error: Array
    count: Array
    inner: PyTree


Rule = Callable[[StepSize, Array, float | Array], tuple[Array, Array]]
"""(adapt, error = target - acceptance, log of the first step size) -> (log_step, mean_error)."""


def sign_rule(rate: float = 0.02) -> Rule:
    """Multiply the step size by exp(rate) if the acceptance is above the target, else divide by it.

    It never settles, so it follows an energy during training; log_step moves by at most `rate` per transition.

    Reference: Andrieu & Thoms 2008 (A tutorial on adaptive MCMC), coerced acceptance, with the sign of the error.
    """
    return lambda adapt, error, log_start: (adapt.log_step - rate * jnp.sign(error), adapt.mean_error)


def dual_averaging(shrinkage: float = 0.05, offset: float = 10.0) -> Rule:
    """log ε = log(10 ε_0) - √t / shrinkage · (average error): settles quickly, for a warm-up on a fixed target.

    Reference: Hoffman & Gelman 2014 (arXiv 1111.4246), eq. (6) and algorithm 5, γ = shrinkage, t_0 = offset.
    """

    def rule(adapt, error, log_start):
        t = (adapt.count + 1).astype(error.dtype)
        mean_error = adapt.mean_error + (error - adapt.mean_error) / (t + offset)
        return log_start + jnp.log(10.0) - jnp.sqrt(t) / shrinkage * mean_error, mean_error

    return rule


def adapt_step_size(
    potential: Potential,
    *,
    make_kernel: Callable[..., Kernel],
    step_size: float | Array,
    target: float,
    rule: Rule | None = None,
    num_adapt: int | None = None,
    decay: float = 0.75,
) -> Kernel:
    """A Metropolis-corrected kernel whose step size adapts to a target acceptance, one step size for all chains.

    Adapting chains are not exactly invariant, nor independent, as they share the step size. After `num_adapt`
    transitions the step size is frozen at its average, and both hold. The count is kept in `ChainState.adapt` and spans
    runs: `run_chain(kernel, key, state.position, n, adapt=state.adapt)` continues the last run.
    `averaged_step_size(state.adapt)` is the step size for a kernel without adaptation.

    Args:
        potential: x -> energy[B].
        make_kernel: (potential, *, step_size) -> Kernel, typically `functools.partial(hmc, num_leapfrog=5)`. For
            layers with different step sizes it may turn the scalar `step_size` into a pytree.
        step_size: > 0, the initial one.
        target: mean acceptance rate in (0, 1) to reach: 0.574 for mala, 0.651 to 0.8 for hmc.
        rule: `dual_averaging()` (default) or `sign_rule()`.
        num_adapt: total number of transitions that adapt; None: all.
        decay: κ in (0.5, 1]: update t enters the average with weight t^-κ.
    """
    rule = dual_averaging() if rule is None else rule
    log_start = jnp.log(step_size)

    def init(position):
        state = make_kernel(potential, step_size=step_size).init(position)
        dtype = jnp.promote_types(state.energy.dtype, jnp.float32)
        log_step = jnp.asarray(log_start, dtype)
        log_step, zero = spread_like((log_step, jnp.zeros((), dtype)), jnp.sum(state.energy))
        return state._replace(adapt=StepSize(log_step, log_step, zero, jnp.zeros((), jnp.int32), state.adapt))

    def update(adapt, acceptance):
        error = target - jnp.mean(acceptance.astype(adapt.log_step.dtype))
        log_step, mean_error = rule(adapt, error, log_start.astype(error.dtype))
        weight = (adapt.count + 1).astype(error.dtype) ** -decay
        log_average = weight * log_step + (1.0 - weight) * adapt.log_average
        return StepSize(log_step, log_average, mean_error, adapt.count + 1, adapt.inner)

    def step(rng_key, state):
        adapt = state.adapt
        adapting = True if num_adapt is None else adapt.count < num_adapt
        log_step = jnp.where(adapting, adapt.log_step, adapt.log_average)
        kernel = make_kernel(potential, step_size=jnp.exp(log_step))
        state, info = kernel.step(rng_key, state._replace(adapt=adapt.inner))
        updated = jax.tree.map(
            lambda new, old: jnp.where(adapting, new, old),
            update(adapt, info.acceptance_rate)._replace(inner=()),
            adapt._replace(inner=()),
        )
        return state._replace(adapt=updated._replace(inner=state.adapt)), info

    return Kernel(init, step)


def averaged_step_size(adapt: StepSize) -> Array:
    """The averaged step size of `ChainState.adapt` after adaptation: a scalar, for a kernel with a fixed step size."""
    return jnp.exp(adapt.log_average)
