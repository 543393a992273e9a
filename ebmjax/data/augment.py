"""Random crops and flips of training images, as a function of a key.

The published augmentation of CIFAR-10: 4 pixels of reflection are added on each side, a window of the image's own size
is cut out at random, and every second image, on average, is mirrored. In SVHN a mirrored digit is no digit, so there
only the crop is used.

Reference: the official code of Grathwohl et al. 2020 (arXiv 1912.03263) and of Grathwohl, Kelly et al. 2021 (arXiv
2010.04230).
"""

from functools import partial

import jax
import jax.numpy as jnp

from ebmjax.data.base import DataError
from ebmjax.types import Array

AUGMENTATIONS = {"": "none", "crop": "random crop", "crop_flip": "random crop and horizontal flip"}
"""name -> what it does: the values of config.data.augment."""

PADDING = 4


def check_augmentation(name: str, shape: tuple[int, ...], data: str) -> None:
    """Raise DataError, one line, for an unknown name, or for examples of `shape`, of the set `data`, without a crop."""
    if name not in AUGMENTATIONS:
        known = ", ".join(repr(known) for known in AUGMENTATIONS)
        raise DataError(f"data.augment = {name!r} is unknown; known: {known}")
    if name and (len(shape) != 3 or min(shape[:2]) <= PADDING):
        raise DataError(
            f"{data}: data.augment = {name} needs images with sides above {PADDING} pixels, examples have shape {shape}"
        )


def augment(name: str, rng_key: Array, x: Array) -> Array:
    """Images x`[..., H, W, C]`, each cropped (and mirrored) by a key of its own; `x` itself for the name "".

    name: in `AUGMENTATIONS`. rng_key: image i, counted over all leading axes, uses `fold_in(rng_key, i)`.
    """
    if not name:
        return x
    images = x.reshape(-1, *x.shape[-3:])
    keys = jax.vmap(partial(jax.random.fold_in, rng_key))(jnp.arange(len(images)))
    one = partial(_crop, flips=name == "crop_flip")
    return jax.vmap(one)(keys, images).reshape(x.shape)


def _crop(rng_key: Array, image: Array, *, flips: bool) -> Array:
    """One image `[H, W, C]`, shifted by up to `PADDING` pixels, and mirrored with probability 1/2 if `flips`."""
    shift_key, flip_key = jax.random.split(rng_key)
    row, column = jax.random.randint(shift_key, (2,), 0, 2 * PADDING + 1)
    sides = (PADDING, PADDING)
    padded = jnp.pad(image, (sides, sides, (0, 0)), mode="reflect")  # without the edge itself a second time
    cropped = jax.lax.dynamic_slice(padded, (row, column, 0), image.shape)
    return jnp.where(jax.random.bernoulli(flip_key), cropped[:, ::-1], cropped) if flips else cropped
