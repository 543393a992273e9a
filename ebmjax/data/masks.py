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
    _check_fraction(fraction)
    pixels = shape[:-1] if len(shape) == 3 else shape
    draw = lambda key: jax.random.uniform(key, pixels) >= fraction
    mask = jax.vmap(draw)(_keys(index, seed))
    return jnp.broadcast_to(mask[..., None], (len(index), *shape)) if len(shape) == 3 else mask


def random_squares(index: Array, shape: tuple[int, ...], *, fraction: float, size: int, seed: int = 0) -> Array:
    """Bool `[B, H, W, C]`: squares of size x size pixels at random places hide each pixel with probability `fraction`.

    A square begins at each place independently, with the probability q for which 1 - (1 - q)^(size²) = fraction; they
    overlap, and may reach over the border. size 1 is `random_pixels`, with other draws. Raises ValueError for a
    fraction outside [0, 1), or squares that do not fit into shape (H, W, C).
    """
    _check_fraction(fraction)
    height, width, _ = _check_square(size, shape)
    start_probability = 1 - (1 - fraction) ** (1 / size**2)

    def draw(key):
        # Hidden is a pixel with a square that begins at most size - 1 rows and columns before it.
        begins = jax.random.uniform(key, (height + size - 1, width + size - 1)) < start_probability
        return ~jax.lax.reduce_window(begins, False, jax.lax.bitwise_or, (size, size), (1, 1), "VALID")

    return jnp.broadcast_to(jax.vmap(draw)(_keys(index, seed))[..., None], (len(index), *shape))


def random_block(index: Array, shape: tuple[int, ...], *, size: int, seed: int = 0) -> Array:
    """Bool `[B, H, W, C]`, false in one square of size x size pixels at a random place in the image, shape (H, W, C).

    Raises ValueError if the square does not fit.
    """
    height, width, _ = _check_square(size, shape)

    def draw(key):
        top, left = jax.random.randint(key, (2,), 0, jnp.array([height, width]) - size + 1)
        inside = lambda num, start: (jnp.arange(num) >= start) & (jnp.arange(num) < start + size)
        return ~(inside(height, top)[:, None] & inside(width, left)[None, :])

    return jnp.broadcast_to(jax.vmap(draw)(_keys(index, seed))[..., None], (len(index), *shape))


def _check_fraction(fraction: float) -> None:
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction = {fraction} must lie in [0, 1)")


def _check_square(size: int, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (H, W, C), if a square of that side fits into it."""
    if len(shape) != 3 or not 1 <= size <= min(shape[:2]):
        raise ValueError(f"size = {size}: a square of that side does not fit into examples of shape {shape}")
    height, width, channels = shape
    return height, width, channels


def _keys(index: Array, seed: int) -> Array:
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.asarray(index, jnp.int32))
