"""Where the replicas of an exchange stand: ladders placed from measured swap rates."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.mcmc.base import run_chain, start_chains
from ebmjax.mcmc.options import check
from ebmjax.pytree import spread_like
from ebmjax.types import Array, Kernel, PyTree

FLOOR = 1e-4
"""Least rejection rate of a pair that is reckoned with: a ladder of pairs that always swap has no barrier to share."""


def cumulative_barrier(swap_rate: ArrayLike) -> Array:
    """Λ from replica 0 up to each replica: `[R - 1]` -> `[R]`, rising from 0. The last is the communication barrier.

    Along a fixed path the sum of rejection rates hardly depends on how many replicas there are, or where: it tends to
    the integral of half the mean |difference of V of two independent draws| over β as they become many.

    Reference: Predescu, Predescu & Ciobanu 2004 (The incomplete beta function law for parallel tempering); Syed et al.
    2022 (arXiv 1905.02939).
    """
    rejection = 1.0 - jnp.asarray(swap_rate)
    return jnp.concatenate([jnp.zeros_like(rejection[:1]), jnp.cumsum(jnp.maximum(rejection, FLOOR))])


def equal_spacing(swap_rate: ArrayLike, points: ArrayLike, num: int | None = None) -> Array:
    """`points` `[R]` moved so that each pair has an equal share of the barrier; `num` of them, by default R.

    Both ends are kept. Between points the barrier is taken as linear; rounds of measuring and placing correct that.

    Reference: Syed et al. 2022 (arXiv 1905.02939).
    """
    check("ladder", num_replicas=2 if num is None else num)
    points, barrier = jnp.asarray(points), cumulative_barrier(swap_rate)
    shares = jnp.linspace(0.0, 1.0, num or points.size) * barrier[-1]
    placed = jnp.interp(shares, barrier, points)
    return placed.at[0].set(points[0]).at[-1].set(points[-1])


def tune_temperatures(swap_rate: ArrayLike, temperatures: ArrayLike, num: int | None = None) -> Array:
    """Temperatures `[num]` (default R) with equal swap rates, from those measured `[R - 1]` at `temperatures` `[R]`.

    Linear in log T between the old ones; the first and the last are kept. swap_rate: `Exchange.swap_rate`. About 2Λ
    replicas are best, with Λ = `cumulative_barrier(swap_rate)[-1]`.
    """
    temperatures = jnp.asarray(temperatures, float)
    placed = jnp.exp(equal_spacing(swap_rate, jnp.log(temperatures), num))
    return placed.at[0].set(temperatures[0]).at[-1].set(temperatures[-1])


def tune_betas(swap_rate: ArrayLike, betas: ArrayLike, num: int | None = None) -> Array:
    """As `tune_temperatures`, for the betas of `path_exchange`: linear in β, from 0 to 1."""
    return equal_spacing(swap_rate, jnp.asarray(betas, float), num)


class Ladder(NamedTuple):
    """The result of `warm_up_ladder`, after K rounds.

    points: `[R]`, temperatures or betas for the run to come. position, adapt: to start it from; counts of rounds and
    trips begin again, step sizes are kept. swap_rate: `[K, R - 1]`, measured in each round. barrier: `[K]`, Λ.
    """

    points: Array
    position: PyTree
    adapt: PyTree
    swap_rate: Array
    barrier: Array


def warm_up_ladder(
    rng_key: Array,
    position: PyTree,
    make_exchange: Callable[[Array], Kernel],
    points: ArrayLike,
    *,
    num_steps: int,
    num_rounds: int = 5,
    tune: Callable[[Array, Array], Array] = tune_temperatures,
) -> Ladder:
    """`num_rounds` times: run the exchange for `num_steps` transitions, then place its ladder from the swap rates.

    One `lax.scan`. Swap rates are good to about 1 / √(B num_steps); what is placed is the number of replicas given.
    The barrier of the last round says how many are best, about 2Λ: `tune(ladder.swap_rate[-1], points, num)`.

    Args:
        position: `[B, R, ...]`.
        make_exchange: ladder `[R]` -> Kernel, e.g.
            `lambda t: replica_exchange(potential, temperatures=t, make_kernel=make_kernel)`.
        points: `[R]`, the first ladder. num_steps: ≥ 2, to try all pairs. num_rounds: ≥ 1.
        tune: `tune_temperatures`, or `tune_betas` for `path_exchange`.

    Raises:
        ValueError: num_steps or num_rounds outside these ranges.

    Reference: Syed et al. 2022 (arXiv 1905.02939), whose rounds double in length; here all are equal.
    """
    check("warm_up_ladder", make_exchange=make_exchange, num_steps=num_steps, num_rounds=num_rounds, tune=tune)
    if num_steps < 2:
        raise ValueError(f"warm_up_ladder: num_steps must be at least 2, to try all pairs, got {num_steps}")
    points = jnp.asarray(points, float)
    fresh = start_chains(make_exchange(points), rng_key, position)
    nothing = fresh.adapt

    def one_round(carry, key):
        points, position, adapt = carry
        state, _, _ = run_chain(make_exchange(points), key, position, num_steps, adapt=adapt)
        rate = state.adapt.swap_rate
        adapt = nothing._replace(kernel=state.adapt.kernel)
        return (tune(rate, points), state.position, adapt), (rate, cumulative_barrier(rate)[-1])

    start = (spread_like(points, jnp.sum(fresh.energy)), fresh.position, nothing)
    (points, position, adapt), measured = jax.lax.scan(one_round, start, jax.random.split(rng_key, num_rounds))
    return Ladder(points, position, adapt, *measured)
