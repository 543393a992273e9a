"""Masks of the observed entries of examples.

A mask is a function of (seed, index of the example): each example has its own, always the same, and none is stored.
"""

from functools import partial

import jax
import jax.numpy as jnp

from ebmjax.types import Array


def random_pixels(index: Array, shape: tuple[int, ...], *, fraction: float, seed: int = 0) -> Array:
    """Bool `[B, *shape]`: each pixel is false with probability `fraction`, independently, in all its channels.

    index: int32 `[B]`, of the examples. shape: (H, W, C), or (D,) of a table. Raises ValueError for a fraction outside
    [0, 1).
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"missing.fraction = {fraction} must lie in [0, 1)")
    pixels = shape[:-1] if len(shape) == 3 else shape
    draw = lambda key: jax.random.uniform(key, pixels) >= fraction
    mask = jax.vmap(draw)(_keys(index, seed))
    return jnp.broadcast_to(mask[..., None], (len(index), *shape)) if len(shape) == 3 else mask


def random_block(index: Array, shape: tuple[int, ...], *, size: int, seed: int = 0) -> Array:
    """Bool `[B, H, W, C]`, false in one square of size x size pixels at a random place in the image, shape (H, W, C).

    Raises ValueError if the square does not fit.
    """
    if len(shape) != 3 or not 1 <= size <= min(shape[:2]):
        raise ValueError(f"missing.size = {size}: a square of that side does not fit into examples of shape {shape}")
    height, width, _ = shape

    def draw(key):
        top, left = jax.random.randint(key, (2,), 0, jnp.array([height, width]) - size + 1)
        inside = lambda num, start: (jnp.arange(num) >= start) & (jnp.arange(num) < start + size)
        return ~(inside(height, top)[:, None] & inside(width, left)[None, :])

    return jnp.broadcast_to(jax.vmap(draw)(_keys(index, seed))[..., None], (len(index), *shape))


def _keys(index: Array, seed: int) -> Array:
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.asarray(index, jnp.int32))
