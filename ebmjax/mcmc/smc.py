"""Tempered sequential Monte Carlo: particles that are weighted, resampled and moved from a base to the target."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.importance import WeightedMean, average_weights, kish_ess
from ebmjax.mcmc.base import over_chains, run_chain, start_chains
from ebmjax.mcmc.options import check
from ebmjax.mcmc.path import Base, bridge, check_betas, path_slope
from ebmjax.pytree import at_least_float32, spread_like
from ebmjax.types import Array, Info, Kernel, Potential, PyTree


class Tempered(NamedTuple):
    """The result of tempered SMC with N particles, and room for K temperatures.

    log_z: scalar, in nats. standard_error: of one run, from the genealogy of its particles (`relative_variance`); inf
        where `pareto_k` is past its limit (`importance.average_weights`).
    num_temperatures: int32 scalar, those used, without β = 0. betas: `[K + 1]`, from 0; after the last one, 1.
    families: effective number (Σ_e W_e²)⁻¹ of first particles e, whose descendants have weight W_e in the end; ≤ N.
    pareto_k: k̂ of the W_e, which play the part that the weights of independent draws have in importance sampling.
    ess, log_weights `[N]`, position: of the particles, which with weights exp(log_weights) represent the target.
    weights: `WeightedMean` of the weights at each temperature, `[K]`; the log_mean add up to log_z.
    info: `Info` at each temperature, `[K]`: means over particles, `num_nonfinite` a sum. Of temperatures not used, in
        `weights` and `info`, NaN.
    """

    log_z: Array
    standard_error: Array
    num_temperatures: Array
    betas: Array
    families: Array
    pareto_k: Array
    ess: Array
    log_weights: Array
    position: PyTree
    weights: WeightedMean
    info: Info


class Particles(NamedTuple):
    """What the loop carries. eve: `[N]`, the first particle each descends from, rising. rounding: see `rounding_noise`.

    trace: (β, weights, info) of each temperature, `[K]`.
    """

    count: Array
    beta: Array
    position: PyTree
    adapt: PyTree
    log_weights: Array
    eve: Array
    rounding: Array
    trace: tuple[Array, WeightedMean, Info]


def systematic_resampling(rng_key: Array, log_weights: Array) -> Array:
    """Rows to keep, int32 `[N]`, rising: row i ⌊N W_i⌋ or ⌈N W_i⌉ times, N W_i on average; W_i ∝ exp(log_weights[i]).

    One uniform number for all rows. Reference: Kitagawa 1996; Douc & Cappé 2005 (arXiv cs/0507025), section 2.4.
    """
    num = log_weights.shape[0]
    ends = jnp.cumsum(jax.nn.softmax(log_weights))
    points = (jax.random.uniform(rng_key) + jnp.arange(num)) / num
    # Relative to the sum, which is not 1 to the last digit; a row without weight at the end is never taken.
    rows = jnp.searchsorted(ends / ends[-1], points.astype(ends.dtype), side="right")
    return jnp.minimum(rows, num - 1).astype(jnp.int32)


def next_beta(slope: Array, beta: Array, ess: float | Array) -> Array:
    """The largest β' ≤ 1 at which exp(-(β' - β) V) has an ESS of `ess` times N, by bisection. slope: V, `[N]`.

    After resampling the particles have equal weights, so this is the conditional ESS of Zhou, Johansen & Aston 2016
    (arXiv 1303.3123). Particles at V = +inf lose their weight at any β' and are not counted in N.
    """
    alive = jnp.sum(jnp.isfinite(slope))
    enough = lambda step: kish_ess(-step * slope) >= ess * alive

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        good = enough(middle)
        return jnp.where(good, middle, low), jnp.where(good, high, middle)

    rest = 1.0 - beta
    low, _ = jax.lax.fori_loop(0, 40, halve, spread_like((jnp.zeros_like(rest), rest), jnp.sum(slope)))
    return jnp.where(enough(rest), 1.0, beta + low)


def family_shares(log_weights: Array, eve: Array) -> Array:
    """Σ of normalised weights over the descendants of each first particle: `[N]`."""
    return jax.ops.segment_sum(jax.nn.softmax(log_weights), eve, eve.size, indices_are_sorted=True)


def rounding_noise(shares: Array) -> Array:
    """Variance that one systematic resampling adds to the shares of families, summed over them: a scalar.

    A family of share W gets ⌊N W⌋ or ⌈N W⌉ descendants, as its members are neighbours.
    """
    part = shares * shares.size - jnp.floor(shares * shares.size)
    return jnp.sum(part * (1.0 - part)) / shares.size**2


def relative_variance(shares: Array, rounding: Array) -> Array:
    """Variance of Ẑ / Z from one run: (N Σ_e W_e² - 1) / (N - 1), less what rounding to whole offspring added.

    The sum over families e is that of Chan & Lai 2013 (arXiv 1312.5114) and Lee & Whiteley 2018 (arXiv 1509.00394),
    whose factor for multinomial resampling is replaced by `rounding_noise` of the systematic one. Without resampling it
    is the variance of importance sampling.

    It ignores that temperatures, and step sizes that adapt, are chosen from the same particles (a bias of order 1 / N),
    and modes that no particle found. Where particles do not move, few families are left, of very unequal shares; most
    of such runs have a k̂ past its limit, and no error (96 of 100 with a step size at which nothing was accepted).
    """
    num = shares.size
    return jnp.maximum((num * jnp.sum(shares**2) - 1.0) / (num - 1.0) - rounding, 0.0)


def tempered_smc(
    rng_key: Array,
    base: Base,
    potential: Potential,
    *,
    make_kernel: Callable[[Potential], Kernel],
    num_particles: int,
    num_steps: int = 1,
    ess: float | Array = 0.9,
    max_temperatures: int = 100,
    betas: ArrayLike | None = None,
) -> Tempered:
    """log Z = log ∫ exp(-E(x)) dx, and particles of the target, by SMC along q^(1-β) exp(-βE).

    At each temperature: choose the next β, weight the particles, resample them (not at β = 1, where they keep their
    weights), move them `num_steps` times at the new β. With `betas` given exp(log_z) is unbiased for Z, if the kernel
    has a Metropolis correction; with chosen ones it is off by order 1 / N. One program, a `lax.while_loop`: it can be
    jitted and vmapped, but has no derivative in reverse mode.

    A step size adapts along the way with `make_kernel=partial(adapt_step_size, make_kernel=mala, step_size=0.5,
    target=0.574, rule=sign_rule(0.1))`: `ChainState.adapt` is passed on from β to β. A kernel's momentum there stays
    where it is when particles are resampled, as it is independent of the position.

    Args:
        rng_key: typed key.
        base: exact samples and normalised log density, with heavier tails or more spread than the target.
        potential: E, x -> energy[N], the same for all rows, as they are exchanged. +inf is a density of 0. For one
            estimate an example use vmap.
        make_kernel: as in `Chain`, called with the intermediate energy; its schedules restart at every β. It must not
            change coordinates.
        num_particles: N ≥ 1; up to 20 have no k̂, and so no standard error.
        num_steps: transitions at each β; 0 is importance sampling with resampling.
        ess: in (0, 1), the conditional ESS of each change of β, a share of N. At 0.5 there are a third as many
            temperatures, and the error of log Z, some 1.5 times as large, is less often known (k̂).
        max_temperatures: ≥ 1; the last of them is 1 even if the ESS there is smaller.
        betas: `[K + 1]`, rising from 0 to 1, to be used as they are; `ess` and max_temperatures then have no effect.

    A run of K temperatures costs K N (num_steps + 1) gradients and K N energies.

    Raises:
        ValueError: an option outside these ranges.

    Reference: Del Moral, Doucet & Jasra 2006 (Sequential Monte Carlo samplers), section 3; Jasra et al. 2011 (Inference
    for Lévy-driven stochastic volatility models via adaptive SMC) for the choice of β.
    """
    check("tempered_smc", potential=potential, make_kernel=make_kernel, num_particles=num_particles)
    check("tempered_smc", num_steps=num_steps, ess=ess, max_temperatures=max_temperatures)
    given = None if betas is None else check_betas(betas)
    size = max_temperatures if given is None else given.size - 1
    at, slope_of = lambda beta: make_kernel(bridge(base, potential, beta)), path_slope(base, potential)

    def change_beta(particles):
        count, beta, position, adapt, log_weights, eve, rounding, trace = particles
        resample_key, move_key = jax.random.split(jax.random.fold_in(loop_key, count))
        slope = at_least_float32(slope_of(position))
        slope = jnp.where(jnp.isnan(slope), jnp.inf, slope)
        new = next_beta(slope, beta, ess) if given is None else given[count + 1] + 0.0 * beta
        new = jnp.where(count + 1 == size, 1.0, new)
        weights = -(new - beta) * slope
        keep = systematic_resampling(resample_key, weights)
        last = new >= 1.0
        rounding = rounding + jnp.where(last, 0.0, rounding_noise(family_shares(weights, eve)))
        log_weights, keep = jnp.where(last, weights, 0.0), jnp.where(last, jnp.arange(keep.size), keep)
        position, eve = jax.tree.map(lambda a: a[keep], (position, eve))
        state, info, _ = run_chain(at(new), move_key, position, num_steps, adapt=adapt)
        seen = (new, average_weights(weights), over_chains(info))
        trace = jax.tree.map(lambda kept, value: kept.at[count].set(value), trace, seen)
        return Particles(count + 1, new, state.position, state.adapt, log_weights, eve, rounding, trace)

    start_key, loop_key = jax.random.split(rng_key)
    position = base.sample(start_key, num_particles)
    first = start_chains(at(jnp.zeros(())), loop_key, position)
    zeros = jnp.zeros_like(first.energy)
    nothing = jnp.full(size, jnp.nan, zeros.dtype)
    trace = (jnp.ones_like(nothing), WeightedMean(*[nothing] * 4), Info(*[nothing] * len(Info._fields)))
    zero, eve, trace = spread_like((jnp.zeros((), zeros.dtype), jnp.arange(num_particles), trace), jnp.sum(zeros))
    count = jnp.zeros((), jnp.int32)
    particles = Particles(count, zero, first.position, first.adapt, zeros, eve, zero, trace)
    end = jax.lax.while_loop(lambda p: p.beta < 1.0, change_beta, particles)
    return summary(end)


def summary(end: Particles) -> Tempered:
    """Of the particles at β = 1."""
    betas, weights, info = end.trace
    used = jnp.arange(betas.size) < end.count
    shares = family_shares(end.log_weights, end.eve)
    families = average_weights(jnp.log(shares))
    trusted = jnp.isfinite(families.standard_error)
    error = jnp.where(trusted, jnp.sqrt(relative_variance(shares, end.rounding)), jnp.inf)
    log_z = jnp.sum(jnp.where(used, weights.log_mean, 0.0))
    betas, ess = jnp.concatenate([jnp.zeros(1, betas.dtype), betas]), kish_ess(end.log_weights)
    return Tempered(
        log_z,
        error,
        num_temperatures=end.count,
        betas=betas,
        families=families.ess,
        pareto_k=families.pareto_k,
        ess=ess,
        log_weights=end.log_weights,
        position=end.position,
        weights=weights,
        info=info,
    )
