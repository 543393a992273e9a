"""Adaptation of one step size for all chains to a target acceptance rate."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.mcmc.options import check
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

    It never ends, so it follows an energy during training; log_step moves by at most `rate` per transition. It
    settles where the acceptance is above the target as often as below: of hmc, whose trajectories vary in length, the
    median over lengths follows the target, and the mean may differ by some hundredths (.86 for .8 with lengths 1 to 3).

    Reference: Andrieu & Thoms 2008 (A tutorial on adaptive MCMC), coerced acceptance, with the sign of the error.
    """
    check("sign_rule", rate=rate)
    return partial(by_sign, rate)


def by_sign(rate, adapt, error, log_start):
    """The rule of `sign_rule`."""
    return adapt.log_step - rate * jnp.sign(error), adapt.mean_error


def proportional_rule(rate: float = 0.02, num_adapt: int = 1, period: int = 1) -> Rule:
    """Multiply the step size by 1 + rate · (acceptance - target), in the first num_adapt of every `period` transitions.

    rate: > 0 and < 1. It never ends. For short chains of `period` transitions that are run again in every training
    step: only their burn-in adapts, so that all that is kept of one chain has one step size.

    Reference: the official code of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230), utils/hmc.py.
    """
    check("proportional_rule", rate=rate)
    if not rate < 1:
        raise ValueError(f"proportional_rule: rate = {rate} must be below 1, so that a step size stays positive")
    if not 1 <= num_adapt <= period:
        raise ValueError(f"proportional_rule: num_adapt = {num_adapt} must lie in [1, period = {period}]")
    return partial(by_share, rate, num_adapt, period)


def by_share(rate, num_adapt, period, adapt, error, log_start):
    """The rule of `proportional_rule`."""
    moved = adapt.log_step + jnp.log1p(-rate * error)
    return jnp.where(adapt.count % period < num_adapt, moved, adapt.log_step), adapt.mean_error


def dual_averaging(shrinkage: float = 0.05, offset: float = 10.0) -> Rule:
    """log ε = log(10 ε_0) - √t / shrinkage · (average error): settles quickly, for a warm-up on a fixed target.

    Reference: Hoffman & Gelman 2014 (arXiv 1111.4246), eq. (6) and algorithm 5, γ = shrinkage, t_0 = offset.
    """
    check("dual_averaging", shrinkage=shrinkage, offset=offset)
    return partial(by_average, shrinkage, offset)


def by_average(shrinkage, offset, adapt, error, log_start):
    """The rule of `dual_averaging`."""
    t = (adapt.count + 1).astype(error.dtype)
    mean_error = adapt.mean_error + (error - adapt.mean_error) / (t + offset)
    return log_start + jnp.log(10.0) - jnp.sqrt(t) / shrinkage * mean_error, mean_error


STUCK = 1e-3
"""Acceptance rate below which a chain is stuck, if most chains move."""


def telling_rates(acceptance: Array, energy: Array, target: float | Array) -> Array:
    """Acceptance rates `[B]`, NaN for the chains that cannot tell how good the step size is.

    acceptance: rates of one transition. energy: before it. Two kinds of dead chains are left out, as one step size does
    not suit them: those at an energy that is not finite; and, while at least half of the others accept more than half
    of the target, those with a rate below STUCK. If the step size is too large for most chains, all of them count.

    For the energy errors N(-μ, 2μ) of large dimension, rates below STUCK have probability 6e-4 at target .4 and 1e-8
    at .574: the mean keeps its meaning. To leave outlying chains out of the adaptation: Vrugt et al. 2009 (Accelerating
    MCMC simulation by differential evolution, section 3).
    """
    rate = jnp.where(jnp.isfinite(energy), acceptance.astype(jnp.promote_types(acceptance.dtype, jnp.float32)), jnp.nan)
    most_move = jnp.nanmean(jnp.where(jnp.isnan(rate), jnp.nan, rate > 0.5 * target)) >= 0.5
    return jnp.where((rate < STUCK) & most_move, jnp.nan, rate)


def harmonic_mean(rates: Array) -> Array:
    """1 / mean of 1 / rate over the rates that are not NaN: near the smallest of them."""
    return 1.0 / jnp.nanmean(1.0 / rates)


POOLS = {"mean": jnp.nanmean, "harmonic": harmonic_mean, "median": jnp.nanmedian}
"""How the acceptance rates of chains become one: name -> function of rates of which some are NaN."""


def pooled_error(acceptance: Array, energy: Array, target: float | Array, pool: str = "mean") -> Array:
    """target - pooled acceptance of the chains that can tell (`telling_rates`); 0 if none can. pool: of `POOLS`."""
    return jnp.nan_to_num(target - POOLS[pool](telling_rates(acceptance, energy, target)))


def update_step_size(
    adapt: StepSize, error: Array, log_start: Array, *, rule: Rule, decay: float | Array = 0.75
) -> StepSize:
    """`adapt` after one transition with this `pooled_error`. log_start: log of the first step size. rule, decay: as of
    `adapt_step_size`."""
    error = error.astype(adapt.log_step.dtype)
    log_step, mean_error = rule(adapt, error, log_start.astype(error.dtype))
    weight = (adapt.count + 1).astype(error.dtype) ** -decay
    log_average = weight * log_step + (1.0 - weight) * adapt.log_average
    return StepSize(log_step, log_average, mean_error, adapt.count + 1, adapt.inner)


def check_adjusted(where: str, kernel: Kernel) -> None:
    """Raise ValueError for a kernel whose acceptance is no guide to the step size."""
    if not kernel.adjusted:
        raise ValueError(
            f"{where}: make_kernel builds a kernel that accepts every proposal, so no step size can follow its "
            "acceptance: give a kernel with Metropolis steps (mala, hmc), or a fixed step size"
        )


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
    transitions the step size is frozen at its average, and both hold. A few dead chains do not collapse the step size
    (`pooled_error`). The count is kept in `ChainState.adapt` and spans
    runs: `run_chain(kernel, key, state.position, n, adapt=state.adapt)` continues the last run.
    `averaged_step_size(state.adapt)` is the step size for a kernel without adaptation.

    Args:
        potential: x -> energy[B].
        make_kernel: (potential, *, step_size) -> Kernel, typically `functools.partial(hmc, num_leapfrog=5)`. For
            layers with different step sizes it may turn the scalar `step_size` into a pytree.
        step_size: > 0, the initial one, a scalar.
        target: mean acceptance rate in (0, 1) to reach: 0.574 for mala, 0.651 to 0.8 for hmc.
        rule: `dual_averaging()` (default), `sign_rule()` or `proportional_rule()`.
        num_adapt: total number of transitions that adapt; None: all.
        decay: κ in (0.5, 1]: update t enters the average with weight t^-κ.

    Raises:
        ValueError: an option outside these ranges, as far as its value is known; or a kernel without Metropolis steps
            (langevin, underdamped, blackjax's mclmc), which accepts everything at any step size.
    """
    check("adapt_step_size", potential=potential, make_kernel=make_kernel, target=target, rule=rule)
    check("adapt_step_size", num_adapt=num_adapt, decay=decay, **{"first step_size": step_size})
    first = make_kernel(potential, step_size=step_size)
    check_adjusted("adapt_step_size", first)
    rule = dual_averaging() if rule is None else rule
    log_start = jnp.log(step_size)

    def init(position):
        state = first.init(position)
        dtype = jnp.promote_types(state.energy.dtype, jnp.float32)
        log_step = jnp.asarray(log_start, dtype)
        log_step, zero = spread_like((log_step, jnp.zeros((), dtype)), jnp.sum(state.energy))
        return state._replace(adapt=StepSize(log_step, log_step, zero, jnp.zeros((), jnp.int32), state.adapt))

    def step(rng_key, state):
        adapt = state.adapt
        adapting = True if num_adapt is None else adapt.count < num_adapt
        log_step = jnp.where(adapting, adapt.log_step, adapt.log_average)
        kernel = make_kernel(potential, step_size=jnp.exp(log_step))
        energy = state.energy
        state, info = kernel.step(rng_key, state._replace(adapt=adapt.inner))
        error = pooled_error(info.acceptance_rate, energy, target)
        updated = jax.tree.map(
            lambda new, old: jnp.where(adapting, new, old),
            update_step_size(adapt, error, log_start, rule=rule, decay=decay)._replace(inner=()),
            adapt._replace(inner=()),
        )
        return state._replace(adapt=updated._replace(inner=state.adapt)), info

    return Kernel(init, step)


def averaged_step_size(adapt: StepSize) -> Array:
    """The averaged step size of `ChainState.adapt` after adaptation: a scalar, for a kernel with a fixed step size."""
    return jnp.exp(adapt.log_average)
