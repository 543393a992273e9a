"""Swaps along a ladder of replicas: the even-odd scheme, its acceptance rates, and round trips."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.mcmc.metropolis import uniform_rows
from ebmjax.pytree import spread_like
from ebmjax.types import Array, PyTree


class Exchange(NamedTuple):
    """`ChainState.adapt` of `replica_exchange` and `path_exchange`, for B chains of R replicas.

    num_rounds: int32 scalar, rounds of swaps so far; its parity selects the next pairs. It is kept across `init`, so
        that chains with one transition per training step still swap all pairs.
    swap_rate: float32 `[R - 1]`, mean probability of accepting the swap of replicas r and r + 1, over all chains and
        past attempts. The sum of 1 - swap_rate estimates the communication barrier Λ: a good ladder has equal rates
        (`tune_temperatures`) and about 2Λ replicas (Syed et al. 2022).
    visited: int32 `[B, R]`, of the position that is at replica r now: the end of the ladder at which it was last, 1 for
        replica 0 and 2 for replica R - 1. 0 until it has been at replica 0.
    round_trips: int32 `[B]`, how often a position came back to replica 0 from replica R - 1, having begun at replica 0.
        None in a long run: the ladder is broken somewhere, however good the swap rates of the other pairs look.
    kernel: `adapt` of the kernel that moves the replicas.
    """

    num_rounds: Array
    swap_rate: Array
    visited: Array
    round_trips: Array
    kernel: PyTree


def start_exchange(energy: Array, kernel: PyTree) -> Exchange:
    """Before the first round. energy: `[B, R]`; what is made here is spread over devices as it is."""
    swap_rate = spread_like(jnp.zeros(energy.shape[1] - 1, jnp.float32), jnp.sum(energy))
    visited = jnp.zeros_like(energy, dtype=jnp.int32).at[:, 0].set(1)
    return Exchange(jnp.zeros((), jnp.int32), swap_rate, visited, 0 * visited[:, 0], kernel)


def swap_probability(energy: Array, inverse: Array) -> Array:
    """min(1, exp((β_r - β_{r+1}) (E_r - E_{r+1}))) of energies `[B, R]` at inverse temperatures `[R]`: `[B, R - 1]`.

    For a path from a base, E is V = E + log q of `mcmc.path`.
    """
    inverse = inverse.astype(energy.dtype)
    log_ratio = (inverse[:-1] - inverse[1:]) * (energy[:, :-1] - energy[:, 1:])
    # No swaps with a replica whose energy is NaN.
    return jnp.where(jnp.isnan(log_ratio), 0.0, jnp.exp(jnp.minimum(log_ratio, 0.0)))


def swap_source(accept: Array) -> Array:
    """The replica from which each one takes its position, int32 `[B, R]`, if the pairs (r, r + 1) in `accept` swap.

    accept: bool `[B, R - 1]`, no two neighbouring pairs.
    """
    up, down = jnp.pad(accept, ((0, 0), (0, 1))), jnp.pad(accept, ((0, 0), (1, 0)))
    return jnp.arange(up.shape[1]) + up.astype(jnp.int32) - down.astype(jnp.int32)


def take(tree: PyTree, source: Array) -> PyTree:
    """Every leaf `[B, R, ...]` with replica source[b, r] at place r."""
    return jax.tree.map(lambda a: jax.vmap(lambda row, r: row[r])(a, source), tree)


def running_mean(mean: Array, value: Array, tried: Array, num_rounds: Array) -> Array:
    """Mean over the rounds in which a pair was tried, `[R - 1]`; even pairs in even rounds, odd pairs in odd ones."""
    attempts = num_rounds // 2 + 1  # of the pairs tried now, this round included
    return mean + jnp.where(tried, (value.astype(mean.dtype) - mean) / attempts, 0.0)


def count_trips(visited: Array, round_trips: Array) -> tuple[Array, Array]:
    """`Exchange.visited` and `Exchange.round_trips` once the positions have their new places."""
    back = visited[:, 0] == 2
    visited = visited.at[:, -1].set(jnp.where(visited[:, -1] > 0, 2, 0)).at[:, 0].set(1)
    return visited, round_trips + back.astype(jnp.int32)


def swap_round(rng_key: Array, exchange: Exchange, energy: Array, inverse: Array) -> tuple[Array, Exchange]:
    """One round: the source of each position, int32 `[B, R]`, and the next `Exchange`. Arguments: `swap_probability`.

    Pairs (0, 1), (2, 3) ... are tried in even rounds, (1, 2), (3, 4) ... in odd ones: unlike a random choice, this
    carries positions along the ladder in O(R) rather than O(R²) rounds.

    Reference: Okabe et al. 2001 and Syed et al. 2022 (arXiv 1905.02939) for the even-odd scheme.
    """
    probability = swap_probability(energy, inverse)
    tried = jnp.arange(inverse.size - 1) % 2 == exchange.num_rounds % 2
    source = swap_source(tried & (uniform_rows(rng_key, probability) < probability))
    rate = running_mean(exchange.swap_rate, jnp.mean(probability, axis=0), tried, exchange.num_rounds)
    visited, round_trips = count_trips(take(exchange.visited, source), exchange.round_trips)
    return source, Exchange(exchange.num_rounds + 1, rate, visited, round_trips, exchange.kernel)
