"""Statistics of chains that are renewed in every transition, so that no draw is stored: `run_chain(..., collect=...)`.

    _, info, found = run_chain(kernel, key, x, 10_000, collect={"x": online.in_halves(online.moments()),
                                                                "ebfmi": online.ebfmi()})
    rhat = diagnostics.rhat_of_moments(found["x"])

Whatever the number of steps, the memory is that of a few positions. `collect` may hold functions, whose values are
stored, beside such statistics.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.options import check
from ebmjax.types import Array, ChainState, Info, Online, PyTree


class Moments(NamedTuple):
    """Moments of each of B chains; of its two halves, `[B, 2, ...]`, by `in_halves`.

    count: int32 `[B]`, draws. mean: pytree of `[B, ...]`. variance: like it, divided by count - 1 (NaN for one draw).
    covariance: `[B, D, D]` of all D entries of the pytree (`pytree.ravel_rows`), with variances on its diagonal, or ().
    """

    count: Array
    mean: PyTree
    variance: PyTree
    covariance: Array | tuple[()] = ()


def position(state: ChainState, info: Info) -> PyTree:
    """The position of a state, the usual quantity."""
    return state.position


def moments(value: Callable[[ChainState, Info], PyTree] = position, *, covariance: bool = False) -> Online:
    """Mean and variance of `value` (ChainState, Info) -> pytree of `[B, ...]`, in each chain: `Moments`.

    The mean moves by (x - mean) / n, and what rounding takes from it is kept beside it, so that float32 suffices for
    means that are large compared with standard deviations; the sum of squares grows by (1 - 1/n) (x - mean)². NaN for a
    chain with a draw that is not finite.

    covariance: also the covariances of all D entries, in memory B · D².

    Reference: Welford 1962 (Note on a method for calculating corrected sums of squares and products).
    """
    check("moments", value=value, covariance=covariance)
    floats = lambda a: a.astype(jnp.promote_types(a.dtype, jnp.float32))

    def init(state, info, num_steps):
        zeros = jax.tree.map(lambda a: jnp.zeros_like(floats(a)), value(state, info))
        products = outer(zeros) if covariance else ()
        return jnp.zeros((), jnp.int32), zeros, zeros, zeros, products

    def update(carry, state, info):
        count, mean, lost, squares, products = carry
        x = jax.tree.map(floats, value(state, info))
        change = jax.tree.map(lambda x, m, e: (x - m) + e, x, mean, lost)
        share = lambda a: 1.0 / (count + 1).astype(a.dtype)
        mean, lost = pytree.compensated_add(mean, lost, jax.tree.map(lambda d: d * share(d), change))
        squares = jax.tree.map(lambda s, d: s + (1.0 - share(d)) * d**2, squares, change)
        if covariance:
            both = outer(change)
            products = products + (1.0 - share(both)) * both
        return count + 1, mean, lost, squares, products

    def finish(carry):
        count, mean, _, squares, products = carry
        rows = jnp.full(pytree.num_rows(mean), count)
        mean = jax.tree.map(lambda m: jnp.where(count > 0, m, jnp.nan), mean)
        unbiased = lambda s: jnp.where(count > 1, s / jnp.maximum(count - 1, 1).astype(s.dtype), jnp.nan)
        return Moments(rows, mean, jax.tree.map(unbiased, squares), unbiased(products) if covariance else ())

    return Online(init, update, finish)


def outer(tree: PyTree) -> Array:
    """The products of all pairs of entries of each row: `[B, D, D]`."""
    flat, _ = pytree.ravel_rows(tree)
    return flat[:, :, None] * flat[:, None, :]


def in_halves(statistic: Online) -> Online:
    """`statistic` of the first and of the last half of every chain, as split R-hat needs them: leaves `[B, 2, ...]`.

    With an odd number of steps the middle draw is dropped. `pooled(found, axis=1)` are the moments of whole chains.
    """

    def init(state, info, num_steps):
        one = statistic.init(state, info, num_steps // 2)
        both = jax.tree.map(lambda a: jnp.stack([a, a]), one)
        return jnp.zeros((), jnp.int32), jnp.full((), num_steps, jnp.int32), both

    def update(carry, state, info):
        step, num_steps, both = carry
        last = step >= num_steps - num_steps // 2
        counts = (step < num_steps // 2) | last
        half = last.astype(jnp.int32)
        one = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, half, 0, keepdims=False), both)
        new = jax.tree.map(lambda a, b: jnp.where(counts, a, b), statistic.update(one, state, info), one)
        both = jax.tree.map(lambda a, b: jax.lax.dynamic_update_index_in_dim(a, b, half, 0), both, new)
        return step + 1, num_steps, both

    return Online(init, update, lambda carry: jax.vmap(statistic.finish, out_axes=1)(carry[2]))


def pooled(moments: Moments, axis: int = 0) -> Moments:
    """The moments of all draws together: axis 0 pools chains, axis 1 of `in_halves` the halves of each chain.

    Reference: Chan, Golub & LeVeque 1979 (Updating formulae and a pairwise algorithm for computing sample variances).
    """
    count = jnp.moveaxis(moments.count, axis, 0)
    total = jnp.sum(count, axis=0)
    front = lambda a: jnp.moveaxis(a, axis, 0)
    weigh = lambda n, a: n.reshape(n.shape + (1,) * (a.ndim - n.ndim)).astype(a.dtype)

    def centre(mean):  # relative to the first: float32 keeps the digits of small differences
        mean = front(mean)
        away = mean - mean[0]
        return mean[0] + jnp.sum(weigh(count, away) * away, axis=0) / weigh(total, mean[0])

    def unbiased(spread, between):
        within = jnp.sum(weigh(count - 1, spread) * spread, axis=0)
        return (within + jnp.sum(weigh(count, between) * between, axis=0)) / weigh(total - 1, within)

    mean = jax.tree.map(centre, moments.mean)
    away = jax.tree.map(lambda m, c: front(m) - c, moments.mean, mean)
    variance = jax.tree.map(lambda v, d: unbiased(front(v), d**2), moments.variance, away)
    if not jax.tree.leaves(moments.covariance):
        return Moments(total, mean, variance)
    rows = lambda tree: jax.tree.map(lambda a: a.reshape(-1, *a.shape[count.ndim :]), tree)
    covariance = front(moments.covariance)
    between = outer(rows(away)).reshape(covariance.shape)
    return Moments(total, mean, variance, unbiased(covariance, between))


def ebfmi() -> Online:
    """E-BFMI of each chain, `[B]`, from the `Info.hamiltonian` of its transitions: `diagnostics.ebfmi` without a trace.

    NaN for kernels without a Hamiltonian, and for fewer than 2 steps.
    """
    energies = moments(lambda state, info: info.hamiltonian)

    def init(state, info, num_steps):
        return energies.init(state, info, num_steps), info.hamiltonian, jnp.zeros_like(info.hamiltonian)

    def update(carry, state, info):
        spread, last, changes = carry
        first = spread[0] == 0
        change = jnp.where(first, 0.0, info.hamiltonian - last)
        return energies.update(spread, state, info), info.hamiltonian, changes + change**2

    def finish(carry):
        spread, _, changes = carry
        found = energies.finish(spread)
        return changes / (found.variance * (found.count - 1).astype(changes.dtype))

    return Online(init, update, finish)
