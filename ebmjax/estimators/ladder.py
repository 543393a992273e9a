"""log Z from replica exchange: ratios of normalisers along the ladder by Bennett's method, with their error."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ebmjax.diagnostics.ess import ess_mean
from ebmjax.mcmc import path_exchange, run_chain, tune_betas, warm_up_ladder
from ebmjax.mcmc.base import over_chains
from ebmjax.mcmc.options import check
from ebmjax.mcmc.path import Base
from ebmjax.types import Array, Info, Kernel, Potential, PyTree


class LadderLogZ(NamedTuple):
    """log Z of each replica less that of replica 0, `[R]`, in nats.

    standard_error: `[R]`, with the correlation of draws along the chain, between replicas and between chains. It knows
    only what the chains have seen: without round trips it means nothing. ess: `[R]`, of the errors' terms; below 100
    the standard error itself is a guess.
    """

    log_z: Array
    standard_error: Array
    ess: Array


def log_z_of_ladder(energies: Array, inverse_temperatures: ArrayLike) -> LadderLogZ:
    """log Z_r - log Z_0, Z_r = ∫ exp(-β_r V) dμ, from draws of every replica, in any order of β.

        Σ_t σ(-(β_{r+1} - β_r) V(x_t) - a) = Σ_t σ((β_{r+1} - β_r) V(y_t) + a),   a = log Z_{r+1} / Z_r,

    with x of replica r and y of r + 1: the estimate of least variance from independent draws of two replicas. The error
    is that of the mean of its linearised terms, summed over pairs, from their ESS (`diagnostics.ess_mean`).

    Args:
        energies: V of the draws, `[num_steps ≥ 4, num_chains, R]`; of `replica_exchange`, E (`state.energy`), and of
            `path_exchange`, E + log q. +inf is allowed.
        inverse_temperatures: β, `[R]`; 1 / T, or the betas of a path.

    Reference: Bennett 1976 (Efficient estimation of free energy differences from Monte Carlo data), the acceptance
    ratio method.
    """
    inverse = jnp.asarray(inverse_temperatures, energies.dtype)
    change = inverse[1:] - inverse[:-1]
    log_ratio, terms = jax.vmap(bennett, (-1, -1), (0, -1))(change * energies[..., :-1], change * energies[..., 1:])
    log_z = jnp.concatenate([jnp.zeros_like(log_ratio[:1]), jnp.cumsum(log_ratio)])
    terms = jnp.cumsum(terms, axis=-1)
    ess = ess_mean(terms)
    error = jnp.std(terms, axis=(0, 1)) / jnp.sqrt(ess)
    before = lambda value, array: jnp.concatenate([jnp.full_like(array[:1], value), array])
    return LadderLogZ(log_z, before(0.0, error), before(terms[..., 0].size, ess))


def bennett(forward: Array, backward: Array) -> tuple[Array, Array]:
    """log(Z_1 / Z_0) and the terms of its linearised error, of mean 0, in the shape of the arguments.

    forward, backward: U_1 - U_0 of as many draws of 0 as of 1.
    """
    balance = lambda a: jax.nn.sigmoid(-forward - a) - jax.nn.sigmoid(backward + a)
    # Zero lies between the extremes, and further out by log(number of draws) where some energies are infinite.
    both = jnp.stack([forward, backward])
    finite, margin = jnp.isfinite(both), np.log(forward.size) + 1.0
    low = -jnp.max(jnp.where(finite, both, -jnp.inf)) - margin
    high = -jnp.min(jnp.where(finite, both, jnp.inf)) + margin

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        rising = jnp.mean(balance(middle)) > 0
        return jnp.where(rising, middle, low), jnp.where(rising, high, middle)

    low, high = jax.lax.fori_loop(0, 50, halve, (low, high))
    a = 0.5 * (low + high)
    spread = lambda d: jnp.mean(jax.nn.sigmoid(d + a) * jax.nn.sigmoid(-d - a))
    return a, balance(a) / (spread(forward) + spread(backward))


class Exchanged(NamedTuple):
    """The result of replica exchange for log Z, with B chains of R replicas.

    log_z, standard_error, ess: scalars, of the target, see `LadderLogZ`. betas, ladder: `[R]`, and the estimate at each
    of them. swap_rate: `[R - 1]`. barrier: Λ; about 2Λ replicas are best. round_trips: `[B]`, from base to target and
    back. position: last draws of the target, `[B, ...]`. info: `Info` of each replica `[R]`.
    """

    log_z: Array
    standard_error: Array
    ess: Array
    betas: Array
    ladder: LadderLogZ
    swap_rate: Array
    barrier: Array
    round_trips: Array
    position: PyTree
    info: Info


def exchange_log_z(
    rng_key: Array,
    base: Base,
    potential: Potential,
    *,
    betas: ArrayLike,
    make_kernel: Callable[[Potential], Kernel],
    num_chains: int,
    num_steps: int,
    num_warm_up: int | None = None,
    num_rounds: int = 5,
) -> Exchanged:
    """log Z = log ∫ exp(-E(x)) dx by replica exchange from a base to the target, on a ladder that it places itself.

    Warm-up: `num_rounds` of `num_warm_up` transitions, all replicas from draws of the base. Then `num_steps`
    transitions on the last ladder, from which log Z is estimated. It costs B R gradients a transition (of a kernel with
    one).

    Args:
        betas: `[R]`, rising from 0 to 1: the first ladder. Where log Z is far from 0 or E very large at draws of the
            base, take those of `tempered_smc`, which can be found from any base.
        make_kernel: as for `path_exchange`. An adapting step size should end with the warm-up: `num_adapt` =
            num_rounds · num_warm_up.
        num_chains: B ≥ 1. num_steps: ≥ 4. num_warm_up: transitions a round, by default num_steps / num_rounds.

    Raises:
        ValueError: an option outside these ranges.
    """
    check("exchange_log_z", num_chains=num_chains, num_steps=num_steps, num_rounds=num_rounds)
    start_key, warm_key, run_key = jax.random.split(rng_key, 3)
    num_warm_up = max(num_steps // num_rounds, 2) if num_warm_up is None else num_warm_up
    make_exchange = lambda betas: path_exchange(base, potential, betas=betas, make_kernel=make_kernel)
    num = np.shape(betas)[0]
    draws = base.sample(start_key, num_chains * num)
    start = jax.tree.map(lambda a: a.reshape(num_chains, num, *a.shape[1:]), draws)
    tune = partial(warm_up_ladder, num_steps=num_warm_up, num_rounds=num_rounds, tune=tune_betas)
    ladder = tune(warm_key, start, make_exchange, betas)
    slope = lambda state, info: state.energy + jax.vmap(base.log_prob, 1, 1)(state.position)
    kernel = make_exchange(ladder.points)
    state, info, slopes = run_chain(kernel, run_key, ladder.position, num_steps, adapt=ladder.adapt, collect=slope)
    found = log_z_of_ladder(slopes, ladder.points)
    last = jax.tree.map(lambda a: a[-1], found)
    rate = state.adapt.swap_rate
    return Exchanged(
        *last,
        betas=ladder.points,
        ladder=found,
        swap_rate=rate,
        barrier=ladder.barrier[-1],
        round_trips=state.adapt.round_trips,
        position=jax.tree.map(lambda a: a[:, -1], state.position),
        info=jax.vmap(over_chains, 1)(info),
    )
