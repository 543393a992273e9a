"""Dequantisation of images: noise over grey levels, rounding back, and bits per dimension.

An image in [-1, 1] has the values 2 n / (num_levels - 1) - 1, n = 0 .. num_levels - 1. Dequantised, level n fills the
n-th of num_levels equal bins of [-1, 1], each `bin_width(num_levels)` wide. With noise u that is uniform in the bin,

    log P(image) ≥ E_u[log p(image + u)] + dim · log(bin width)

for any density p (Theis et al. 2016, arXiv 1511.01844, section 3.1). Glow's x / 256 - 0.5 + u / 256 is half of ours.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.pytree import at_least_float32
from ebmjax.types import Array


def bin_width(num_levels: int) -> float:
    """Width of one grey level on [-1, 1]. num_levels ≥ 2: 256 for 8-bit images."""
    if num_levels < 2:
        raise ValueError(f"num_levels = {num_levels} grey levels of an image must be at least 2")
    return 2.0 / num_levels


def dequantize(rng_key: Array, x: Array, num_levels: int) -> Array:
    """Images in [-1, 1] -> images with uniform noise over their bins, also in [-1, 1], at least float32."""
    x = at_least_float32(x)
    level = jnp.round((x + 1.0) * (0.5 * (num_levels - 1)))
    return (level + jax.random.uniform(rng_key, x.shape, x.dtype)) * bin_width(num_levels) - 1.0


def dequantize_logits(rng_key: Array, x: Array, num_levels: int, margin: float = 1e-3) -> Array:
    """Images in [-1, 1] -> logits of p = (x + 1) / 2 + (u - 1/2) / num_levels, u uniform in [0, 1], at least float32.

    p is clipped to [margin, 1 - margin], so that logits are finite (|logit| ≤ 6.9 for .001). Of black pixels of 256
    levels three in four thus become one number: a density of these logits has no upper bound, and none of the pixels'
    probability follows from it. Reference: the official code of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230).
    """
    x = at_least_float32(x)
    noise = (jax.random.uniform(rng_key, x.shape, x.dtype) - 0.5) / num_levels
    return jax.scipy.special.logit(jnp.clip(0.5 * (x + 1.0) + noise, margin, 1.0 - margin))


def from_logits(logits: Array) -> Array:
    """Logits of `dequantize_logits` -> images in (-1, 1), without rounding to grey levels."""
    return jnp.tanh(0.5 * logits)


def quantize(x, num_levels: int) -> np.ndarray:
    """x, clipped to [-1, 1], with each entry replaced by the grey level whose bin contains it: `[N, ...]`."""
    level = np.floor((np.clip(x, -1, 1) + 1) / bin_width(num_levels))
    return np.minimum(level, num_levels - 1) * (2 / (num_levels - 1)) - 1


def bits_per_dim(log_prob: Array, dim: int, width: float) -> Array:
    """Bits per dimension from log densities in nats of `dim` numbers with grey levels of `width`: `[B]` -> `[B]`."""
    return -(log_prob / dim + np.log(width)) / np.log(2.0)
