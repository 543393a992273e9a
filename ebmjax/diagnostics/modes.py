"""Occupancy of the modes of a known mixture, and transitions between them, which R-hat and ESS do not measure."""

import jax
import jax.numpy as jnp

from ebmjax.diagnostics.draws import power_of_two
from ebmjax.types import Array


def nearest_mode(x: Array, means: Array) -> Array:
    """Index of the nearest mean, Euclidean: x`[..., D]`, means`[K, D]` -> int32 `[...]` in 0 … K - 1.

    -1 for a non-finite draw; a tie goes to the first mean. For components of one common spherical scale this is
    the component of highest responsibility when their weights are equal.
    """
    x, means = jnp.asarray(x), jnp.asarray(means)
    if means.ndim != 2 or x.ndim < 1 or x.shape[-1] != means.shape[1]:
        raise ValueError(f"nearest_mode needs x[..., D] and means[K, D], got shapes {x.shape} and {means.shape}")
    finite, unit = jnp.all(jnp.isfinite(x), axis=-1), power_of_two(means)
    x, means = x / unit, means / unit  # so that the squares of distances between means are finite
    # One mean at a time: the differences of all K at once would take K times the memory of the draws.
    distances = jax.lax.map(lambda mean: jnp.sum((x - mean) ** 2, axis=-1), means)
    nearest = jnp.argmin(distances, axis=0).astype(jnp.int32)
    return jnp.where(finite, nearest, -1)


def counts(index: Array, valid: Array, length: int) -> Array:
    """Number of occurrences of each of 0 … length - 1 where `valid`: int32 `[length]`."""
    return jnp.zeros(length, jnp.int32).at[jnp.where(valid, index, length)].add(1, mode="drop")


def mode_occupancy(modes: Array, num_modes: int, weights: Array | None = None) -> Array:
    """Fraction of all draws in each mode: int modes of any shape (`nearest_mode`) -> `[num_modes]`.

    Sums to 1, or to less if some draws are not finite. weights: like modes, ≥ 0, such as a density on a grid.
    """
    if weights is None:
        return counts(modes, modes >= 0, num_modes) / modes.size
    return jnp.zeros(num_modes).at[jnp.where(modes >= 0, modes, num_modes)].add(weights, mode="drop") / weights.sum()


def mode_sd(x: Array, means: Array, weights: Array | None = None) -> Array:
    """Standard deviation within modes, pooled over modes and coordinates: x`[N, D]`, means`[K, D]` -> a scalar.

    Each draw belongs to the nearest mean; its deviation is taken from the centre of all draws of that mean, so that a
    mode that moves does not hide a mode that shrinks. weights: `[N]` ≥ 0, such as a density on a grid; equal by
    default. Non-finite draws are left out.
    """
    modes = nearest_mode(x, means)
    weights = jnp.where(modes >= 0, jnp.ones(x.shape[0]) if weights is None else weights, 0.0)
    x = jnp.where(modes[:, None] >= 0, x, 0.0)
    into = lambda values: jnp.zeros((means.shape[0], *values.shape[1:])).at[modes].add(values)
    centres = into(weights[:, None] * x) / jnp.maximum(into(weights), 1e-30)[:, None]
    deviations = x - centres[modes]
    unit = power_of_two(deviations)
    return unit * jnp.sqrt(jnp.sum(weights[:, None] * (deviations / unit) ** 2) / (jnp.sum(weights) * x.shape[1]))


def mode_transitions(modes: Array, num_modes: int) -> Array:
    """Moves between successive draws, summed over chains: int modes`[num_steps, ...]` -> int32 `[K, K]`, K = num_modes.

    Entry (i, j) counts i at one draw and j at the next of the same chain; the diagonal counts staying. Chains that
    never leave their modes give a diagonal matrix, however well their occupancy agrees with the weights.
    """
    now, then = modes[:-1], modes[1:]
    pairs = counts(now * num_modes + then, (now >= 0) & (then >= 0), num_modes**2)
    return pairs.reshape(num_modes, num_modes)
