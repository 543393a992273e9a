"""The Inception network whose features define FID: images `[B, 299, 299, 3]` -> features `[B, 2048]`.

It is the graph of 2015-12-05 up to pool_3, with its own scope names, not the Inception v3 of later libraries: average
pools exclude the padding, and the pooling branch of the last block takes the maximum. For evaluation only: the running
averages of batch norm are ordinary parameters.
Reference: Szegedy et al. 2016 (arXiv 1512.00567); Heusel et al. 2017 (arXiv 1706.08500).
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from ebmjax.nets.conv import LAYOUT
from ebmjax.types import Array

SIZE, FEATURES = 299, 2048


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm without gamma (epsilon 1e-3), ReLU. Padding: "SAME" or "VALID"."""

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weight = self.param("weight", nn.initializers.he_normal(), (*self.kernel, x.shape[-1], self.features))
        beta, mean = (self.param(name, nn.initializers.zeros, (self.features,)) for name in ("beta", "mean"))
        var = self.param("var", nn.initializers.ones, (self.features,))
        strides = (self.stride, self.stride)
        x = lax.conv_general_dilated(x, weight, strides, self.padding, dimension_numbers=LAYOUT)
        return nn.relu((x - mean) * lax.rsqrt(var + 1e-3) + beta)


def _max(x: Array, stride: int, padding: str = "VALID") -> Array:
    return nn.max_pool(x, (3, 3), (stride, stride), padding)


def _average(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


class Inception(nn.Module):
    """x `[B, 299, 299, 3]`, (pixel - 128) / 128 with pixels in [0, 255] -> features `[B, 2048]`. 21,802,784 weights."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if x.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(f"Inception takes images [B, {SIZE}, {SIZE}, 3], got {x.shape}")

        def conv(name, x, features, kernel=(1, 1), stride=1, padding="SAME"):
            return ConvNorm(features, kernel, stride, padding, name=name)(x)

        x = conv("conv", x, 32, (3, 3), 2, "VALID")
        x = conv("conv_1", x, 32, (3, 3), 1, "VALID")
        x = _max(conv("conv_2", x, 64, (3, 3)), 2)
        x = conv("conv_3", x, 80, padding="VALID")
        x = _max(conv("conv_4", x, 192, (3, 3), 1, "VALID"), 2)
        for name, pooled in (("mixed", 32), ("mixed_1", 64), ("mixed_2", 64)):
            x = _block_35(conv, name, x, pooled)
        x = _reduce_17(conv, "mixed_3", x)
        for name, width in (("mixed_4", 128), ("mixed_5", 160), ("mixed_6", 160), ("mixed_7", 192)):
            x = _block_17(conv, name, x, width)
        x = _reduce_8(conv, "mixed_8", x)
        x = _block_8(conv, "mixed_9", x, _average)
        x = _block_8(conv, "mixed_10", x, lambda x: _max(x, 1, "SAME"))
        return jnp.mean(x, axis=(1, 2))


def _block_35(conv, name, x, pooled):
    """35 x 35 pixels: 1 x 1; 5 x 5; two of 3 x 3; pooled."""
    five = conv(f"{name}.tower.conv", x, 48)
    three = conv(f"{name}.tower_1.conv", x, 64)
    parts = (
        conv(f"{name}.conv", x, 64),
        conv(f"{name}.tower.conv_1", five, 64, (5, 5)),
        conv(f"{name}.tower_1.conv_2", conv(f"{name}.tower_1.conv_1", three, 96, (3, 3)), 96, (3, 3)),
        conv(f"{name}.tower_2.conv", _average(x), pooled),
    )
    return jnp.concatenate(parts, axis=-1)


def _reduce_17(conv, name, x):
    """35 -> 17 pixels."""
    three = conv(f"{name}.tower.conv_1", conv(f"{name}.tower.conv", x, 64), 96, (3, 3))
    parts = (
        conv(f"{name}.conv", x, 384, (3, 3), 2, "VALID"),
        conv(f"{name}.tower.conv_2", three, 96, (3, 3), 2, "VALID"),
        _max(x, 2),
    )
    return jnp.concatenate(parts, axis=-1)


def _block_17(conv, name, x, width):
    """17 x 17 pixels: 1 x 1; 7 x 7 in two parts; twice that; pooled."""
    row, column = (1, 7), (7, 1)

    def tower(name, kernels):
        y = conv(f"{name}.conv", x, width)
        for i, kernel in enumerate(kernels, start=1):
            y = conv(f"{name}.conv_{i}", y, 192 if i == len(kernels) else width, kernel)
        return y

    parts = (
        conv(f"{name}.conv", x, 192),
        tower(f"{name}.tower", (row, column)),
        tower(f"{name}.tower_1", (column, row, column, row)),
        conv(f"{name}.tower_2.conv", _average(x), 192),
    )
    return jnp.concatenate(parts, axis=-1)


def _reduce_8(conv, name, x):
    """17 -> 8 pixels."""
    seven = conv(f"{name}.tower_1.conv_1", conv(f"{name}.tower_1.conv", x, 192), 192, (1, 7))
    seven = conv(f"{name}.tower_1.conv_2", seven, 192, (7, 1))
    parts = (
        conv(f"{name}.tower.conv_1", conv(f"{name}.tower.conv", x, 192), 320, (3, 3), 2, "VALID"),
        conv(f"{name}.tower_1.conv_3", seven, 192, (3, 3), 2, "VALID"),
        _max(x, 2),
    )
    return jnp.concatenate(parts, axis=-1)


def _block_8(conv, name, x, pool):
    """8 x 8 pixels: 1 x 1; 3 x 3 as a row beside a column; the same after a 3 x 3; pooled."""

    def split(name, y):
        return [conv(f"{name}_mixed_conv", y, 384, (1, 3)), conv(f"{name}_mixed_conv_1", y, 384, (3, 1))]

    three = conv(f"{name}.tower_1_conv_1", conv(f"{name}.tower_1_conv", x, 448), 384, (3, 3))
    parts = (
        conv(f"{name}.conv", x, 320),
        *split(f"{name}.tower", conv(f"{name}.tower_conv", x, 384)),
        *split(f"{name}.tower_1", three),
        conv(f"{name}.tower_2_conv", pool(x), 192),
    )
    return jnp.concatenate(parts, axis=-1)
