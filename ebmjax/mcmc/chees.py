"""The length of HMC's trajectories by ChEES: the one that changes |x - mean|² most.

Reference: Hoffman, Radul & Sountsov 2021 (An adaptive-MCMC scheme for setting trajectory lengths in Hamiltonian Monte
Carlo, PMLR 130:3907), change in the estimator of the expected square. Here T is the mean length, about which `hmc`
draws lengths T (1 ± jitter).
"""

from typing import NamedTuple

import jax.numpy as jnp

from ebmjax.types import Array

RATE, MEMORY, DECAY = 0.05, 0.95, 0.75
"""Of Adam on log T, without momentum: the step, and the decay of the mean square gradient; and the decay κ of the
weights t^-κ with which log T is averaged."""

MAX_LEAPFROG = 1000
"""Of the mean number of leapfrog steps."""

HUGE = 1e18
"""Gradients from here on, whose squares float32 could not hold, are left out."""


class Length(NamedTuple):
    """The trajectory length T that is being learned; scalars.

    log_length: log T, T in units of the step size. log_average: the slowly averaged one, to keep. square: averaged
    square of the gradient. count: int32, updates made.
    """

    log_length: Array
    log_average: Array
    square: Array
    count: Array


def first_length(log_length: Array) -> Length:
    """Before the first update."""
    return Length(log_length, log_length, jnp.zeros_like(log_length), jnp.zeros((), jnp.int32))


def leapfrog_steps(log_length: Array, step_size: Array) -> Array:
    """The mean number of leapfrog steps of a trajectory, an int32 scalar in [1, MAX_LEAPFROG]."""
    steps = jnp.round(jnp.exp(log_length) / step_size)
    return jnp.clip(jnp.nan_to_num(steps, nan=1.0), 1, MAX_LEAPFROG).astype(jnp.int32)


def chees(before: Array, after: Array) -> Array:
    """The criterion of each chain, (|x' - μ|² - |x - μ|²)² / 4: `[B]`.

    before, after: start and end of the trajectories minus the mean μ, `[B, D]`, in coordinates of unit mass.
    """
    return 0.25 * jnp.square(change(before, after))


def change(before: Array, after: Array) -> Array:
    """|x'|² - |x|² of every row, as a product: `[B]`."""
    return jnp.sum((after - before) * (after + before), axis=1)


def chees_gradient(before: Array, after: Array, momentum: Array, time: Array) -> Array:
    """The derivative of `chees` by log T, `[B]`: t (|x' - μ|² - |x - μ|²) (x' - μ)·p'.

    A trajectory of time t = u T ends at x' with the momentum, hence the velocity, p'; so dx' / d log T = t p'.
    """
    return time * change(before, after) * jnp.sum(after * momentum, axis=1)


def update_length(length: Length, gradients: Array, weights: Array) -> Length:
    """`length` after a step of Adam (β_1 = 0) up the mean of `gradients` `[B]`.

    weights: `[B]`, the acceptance rates, 0 for a chain that is to be left out: what is not accepted does not move far.
    """
    used = (weights > 0) & (jnp.abs(gradients) < HUGE)
    total = jnp.sum(jnp.where(used, weights, 0.0))
    mean = jnp.sum(jnp.where(used, weights * gradients, 0.0)) / jnp.where(total > 0, total, 1.0)
    count = length.count + 1
    square = MEMORY * length.square + (1.0 - MEMORY) * jnp.square(mean)
    size = jnp.sqrt(square / (1.0 - MEMORY ** count.astype(square.dtype)))
    log_length = length.log_length + RATE * mean / jnp.where(size > 0, size, 1.0)
    weight = count.astype(square.dtype) ** -DECAY
    return Length(log_length, weight * log_length + (1.0 - weight) * length.log_average, square, count)
