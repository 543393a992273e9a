"""Attacks on a classifier by projected gradients, within a largest change of an entry (L∞) or a distance (L2)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.types import Array

LogProbs = Callable[[Array, Array], Array]
"""(rng_key, x[N, ...]) -> log p(y | x) `[N, C]`, row by row, up to a constant of each row; it may be random."""


class Attack(NamedTuple):
    """norm: of `NORMS`. num_steps: ≥ 1 (published 40). bounds: to which all points are clipped; None for tables."""

    norm: str
    num_steps: int = 40
    bounds: tuple[float, float] | None = (-1.0, 1.0)


def _unit(x: Array) -> Array:
    """Rows of length 1; rows of zeros stay."""
    return x / pytree.per_row(jnp.sqrt(jnp.maximum(pytree.square_norm_rows(x), 1e-30)), x)


def _into_ball(x: Array, radius: Array | float) -> Array:
    """Rows shortened to at most `radius`."""
    length = jnp.sqrt(jnp.maximum(pytree.square_norm_rows(x), 1e-30))
    return x * pytree.per_row(jnp.minimum(1.0, radius / length), x)


NORMS = {
    "linf": (jnp.sign, lambda x, radius: jnp.clip(x, -radius, radius)),
    "l2": (_unit, _into_ball),
}
"""name -> (steepest direction of a gradient, projection of rows into a ball of a radius)."""


def pgd(log_probs: LogProbs, rng_key: Array, x: Array, labels: Array, epsilon: Array | float, attack: Attack) -> Array:
    """Examples near x that raise the cross entropy: `[N, ...]`, at most epsilon from x in attack.norm.

    It starts at a random point of that ball, climbs by steps of 2.5 epsilon / num_steps, and is projected after each.
    At epsilon 0 it returns x. A random classifier draws anew at every step.

    Args:
        x, labels: `[N, ...]`, int `[N]`. epsilon: ≥ 0, in units of x, which for images in [-1, 1] are twice those of
            [0, 1].

    Reference: Madry et al. 2018 (arXiv 1706.06083), section 2.1. The step is ours.
    """
    direction, project = NORMS[attack.norm]
    clip = lambda x: x if attack.bounds is None else jnp.clip(x, *attack.bounds)
    start_key, size_key, step_key = jax.random.split(rng_key, 3)

    def loss(moved, key):
        return jnp.sum(optax.softmax_cross_entropy_with_integer_labels(log_probs(key, moved), labels))

    def step(moved, key):
        moved = moved + 2.5 * epsilon / attack.num_steps * direction(jax.grad(loss)(moved, key))
        return clip(x + project(moved - x, epsilon)), None

    if attack.norm == "linf":
        offset = jax.random.uniform(start_key, x.shape, x.dtype, minval=-1.0)
    else:
        radius = jax.random.uniform(size_key, x.shape[:1], x.dtype)
        offset = pytree.per_row(radius, x) * _unit(jax.random.normal(start_key, x.shape, x.dtype))
    return jax.lax.scan(step, clip(x + epsilon * offset), jax.random.split(step_key, attack.num_steps))[0]
