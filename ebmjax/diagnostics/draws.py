"""Draws of many chains, one quantity at a time: halves of chains, average ranks, normal scores.

Every diagnostic takes x[num_steps, num_chains, ...] as `run_chain`'s `collect` stacks it. Inside, the draws of one
quantity are `[num_chains, num_steps]`: the Fourier transforms then run along contiguous memory.
"""

import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax.types import Array, PyTree


def over_quantities(
    statistic: Callable[[Array], PyTree], x: Array, *, name: str, min_steps: int = 4, chunk_size: int = 0
) -> PyTree:
    """Apply `statistic` (draws[num_chains, num_steps] -> pytree of scalars) to each trailing entry of x.

    Args:
        x: `[num_steps, num_chains, ...]`, any real dtype; computed in float32, or float64 where x is.
        name: of the diagnostic, for the error message. min_steps: fewest steps it is defined for.
        chunk_size: entries computed at a time (bounds memory); 0 for all at once.

    Returns the statistics, each of shape `x.shape[2:]`. Raises ValueError if there are too few axes or steps. Warns
    (`warn_if_swapped`) where min_steps > 1.
    """
    x = jnp.asarray(x)
    if x.ndim < 2 or x.shape[0] < min_steps:
        raise ValueError(f"{name} needs x[num_steps >= {min_steps}, num_chains, ...], got shape {x.shape}")
    if min_steps > 1:
        warn_if_swapped(x.shape, name)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    columns = x.reshape(x.shape[:2] + (-1,)).transpose(2, 1, 0)
    if 0 < chunk_size < columns.shape[0]:
        values = jax.lax.map(statistic, columns, batch_size=chunk_size)
    else:
        values = jax.vmap(statistic)(columns)
    return jax.tree.map(lambda v: v.reshape(x.shape[2:]), values)


def warn_if_swapped(shape: tuple[int, ...], name: str) -> None:
    """UserWarning, once a trace, if there are more chains than steps: 4 chains of 1,000 steps given as [chain, draw].

    ArviZ has the same rule (with the axes the other way round), and as there it is no error: more chains than steps is
    unusual, but right with thousands of short chains. At least as many chains as steps, given as [chain, draw], pass.
    """
    num_steps, num_chains = shape[:2]
    if num_chains > num_steps:
        warnings.warn(
            f"{name}: more chains ({num_chains}) than steps ({num_steps}); draws are x[num_steps, num_chains, ...]: "
            "if these are [chain, draw], pass x.swapaxes(0, 1)",
            UserWarning,
            stacklevel=4,
        )


def split_chains(draws: Array) -> Array:
    """First and last halves of each chain, `[num_chains, num_steps]` -> `[2 num_chains, num_steps // 2]`.

    With an odd number of steps the middle draw is dropped.
    """
    half = draws.shape[1] // 2
    return jnp.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def power_of_two(draws: Array) -> Array:
    """The largest 2^k ≤ max |draws|, 1 if that is 0: a scalar. In this unit draws are in [-2, 2], rounded as before."""
    largest = jnp.max(jnp.abs(draws))
    mantissa, _ = jnp.frexp(largest)  # in [1/2, 1)
    return jnp.where(largest > 0, largest / (2 * mantissa), 1.0)


def chain_moments(draws: Array) -> tuple[Array, Array, Array]:
    """Means (up to one common shift) and centred draws of each chain in units of `unit`, and `unit`, a power of two.

    `[num_chains, num_steps]` -> `[num_chains]`, `[num_chains, num_steps]`, scalar. Both are relative to one draw: a
    chain that never moves then has a variance of exactly 0, and float32 keeps its digits if the mean is large compared
    with the standard deviation. In that unit squares neither overflow nor vanish: 1e20 has no square in float32.
    """
    unit = power_of_two(draws)
    draws = draws / unit
    first = draws[:, :1]
    moves = draws - first
    mean = jnp.mean(moves, axis=1)
    return (first - first[0])[:, 0] + mean, moves - mean[:, None], unit


def average_ranks(values: Array) -> Array:
    """Ranks 1 … S of values[S]; equal values, as after rejections, share the average of their ranks."""
    ordered = jnp.sort(values)
    below = jnp.searchsorted(ordered, values, side="left")
    not_above = jnp.searchsorted(ordered, values, side="right")
    return (below + not_above + 1).astype(values.dtype) / 2


def normal_scores(draws: Array) -> Array:
    """z = Φ⁻¹((r - 3/8) / (S + 1/4)) with r the rank among all S draws of one quantity; the shape of `draws`.

    Vehtari et al. 2021 (arXiv 1903.08008), eq. (14), with Blom's offsets in the denominator as well.
    """
    ranks = average_ranks(draws.ravel()).reshape(draws.shape)
    size = draws.size
    # Both tails via the lower one: near 1 a float32 probability lacks the digits that Φ⁻¹ needs.
    lower = (jnp.minimum(ranks, size + 1 - ranks) - 0.375) / (size + 0.25)
    scores = jax.scipy.special.ndtri(lower)
    return jnp.where(2 * ranks > size + 1, -scores, scores)


def rank_normalise(x: Array) -> Array:
    """Replace draws by normal scores of their pooled ranks, separately for each trailing entry.

    x: `[num_steps, num_chains, ...]`, real; the result has its shape, in float32 or float64. Invariant under
    increasing transformations of x, and finite even if moments of x are not. Ties get the score of their average rank.
    """
    x = jnp.asarray(x)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    columns = x.reshape(x.shape[:2] + (-1,))
    return jax.vmap(normal_scores, in_axes=-1, out_axes=-1)(columns).reshape(x.shape)


def nan_unless_finite(value: Array, draws: Array) -> Array:
    """`value`, or NaN if any draw is not finite: a diverged chain must not look converged."""
    return jnp.where(jnp.all(jnp.isfinite(draws)), value, jnp.nan)
