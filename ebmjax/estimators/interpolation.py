"""Paths between latent vectors."""

import jax.numpy as jnp

from ebmjax.types import Array


def great_circle(z_start: Array, z_end: Array, num: int) -> Array:
    """`num` points from each row of z_start to that of z_end, both included: `[B, d]`, `[B, d]` -> `[B, num, d]`.

    Weights sin((1-t)φ) / sin φ and sin(tφ) / sin φ, with φ the angle between the rows, keep the norm typical of a
    Gaussian prior; a straight line would pass closer to the origin. For parallel or antiparallel rows φ is the nearest
    angle that defines an arc.
    """
    norms = jnp.linalg.norm(z_start, axis=1) * jnp.linalg.norm(z_end, axis=1)
    cosine = jnp.sum(z_start * z_end, axis=1) / jnp.maximum(norms, 1e-12)
    angle = jnp.arccos(jnp.clip(cosine, -0.999, 0.999))[:, None, None]
    t = jnp.linspace(0.0, 1.0, num)[None, :, None]
    return (jnp.sin((1 - t) * angle) * z_start[:, None] + jnp.sin(t * angle) * z_end[:, None]) / jnp.sin(angle)


def straight_line(z_start: Array, z_end: Array, num: int) -> Array:
    """`num` equally spaced points from each row of z_start to that of z_end, both included: `[B, d]` twice ->
    `[B, num, d]`."""
    t = jnp.linspace(0.0, 1.0, num)[None, :, None]
    return (1 - t) * z_start[:, None] + t * z_end[:, None]
