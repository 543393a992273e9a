"""Convolutions as matrix products, for XLA on CPU: the same functions as the plain forms of `ebmjax.nets.conv`.

XLA's CPU convolution loses its fast path when the kernel is transposed or the input dilated: in every gradient, worst
inside a `lax.scan` (4 to 30 times slower). Matrix products stay fast and use all cores. Everything here consists of
pads, slices, sums and products, so jvp, vjp, vmap and their combinations all work and stay fast.
"""

import jax
import jax.numpy as jnp
from jax import lax

from ebmjax.types import Array

MIN_CHANNELS = 8
"""With fewer channels Winograd's additions cost more than the products that they save."""

WINOGRAD = {
    2: (((1, -1, 0), (0, 1, 0), (0, 1, -1)), ((1, 0), (1, 1), (0, 1)), ((1, 1, 0), (0, 1, -1))),
    3: (
        ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        ((1, 1, 1, 0), (0, 1, -1, -1)),
    ),
}
"""F(2, r) for r taps as matrices (Bᵀ, G, Aᵀ): two neighbouring outputs (y0, y1) = Aᵀ [(G taps) · (Bᵀ inputs)] cost
r + 1 products instead of 2 r (Winograd 1980; in two dimensions Lavin & Gray 2016, arXiv 1509.09308, eq. 8)."""


def conv(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """x[B, H, W, C], kernel[kh, kw, C, F] -> [B, n, m, F], n = (H + 2 · padding - kh) // stride + 1."""
    kh, kw, channels, features = kernel.shape
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (padding, padding, 0), (padding, padding, 0), (0, 0, 0)))
    n, m = ((size - k) // stride + 1 for size, k in zip(x.shape[1:3], (kh, kw)))
    even = n % 2 == m % 2 == 0 and min(channels, features) >= MIN_CHANNELS
    if even and kh == kw and kh in (2 * stride, 3 * stride):
        return winograd_conv(x[:, : stride * (n - 1) + kh, : stride * (m - 1) + kw], kernel, stride)
    y = patches(x, kh, kw, n, m, stride).reshape(-1, kh * kw * channels) @ kernel.reshape(-1, features)
    return y.reshape(-1, n, m, features)


def conv_transpose(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """Adjoint of `conv`: x[B, H, W, C], kernel[kh, kw, C, F] -> [B, n, m, F], n = (H - 1) stride - 2 padding + kh."""
    batch, *size, _ = x.shape
    height, width = ((n - 1) * stride - 2 * padding + k for n, k in zip(size, kernel.shape))
    y = jax.ShapeDtypeStruct((batch, height, width, kernel.shape[3]), x.dtype)
    return jax.linear_transpose(lambda y: conv(y, kernel.swapaxes(2, 3), stride, padding), y)(x)[0]


def patches(x: Array, kh: int, kw: int, n: int, m: int, stride: int) -> Array:
    """The n · m windows of x[B, H, W, C], as an array that reshapes to [B · n · m, kh · kw · C]."""
    if x.shape[1:3] == (kh, kw):
        return x
    rows, columns = stride * (n - 1) + 1, stride * (m - 1) + 1
    taps = [x[:, i : i + rows : stride, j : j + columns : stride] for i in range(kh) for j in range(kw)]
    return jnp.concatenate(taps, axis=-1)


def winograd_conv(x: Array, kernel: Array, s: int) -> Array:
    """x[B, (n + r - 1) · s, (m + r - 1) · s, C], kernel[r s, r s, C, F] -> [B, n, m, F], stride s; r = 2, 3; n, m even.

    On blocks of s pixels the kernel has r taps per axis and stride 1. F(2, r) on both axes: (r + 1)² instead of 4 r²
    products for 4 outputs, that is 9 of 16 for r = 2, 16 of 36 for r = 3.
    """
    r, (channels, features) = kernel.shape[0] // s, kernel.shape[2:]
    batch, rows, columns, depth = x.shape[0], x.shape[1] // s, x.shape[2] // s, s * s * channels
    blocks = x.reshape(batch, rows, s, columns, s, channels).swapaxes(2, 3).reshape(batch, rows, columns, depth)
    taps = kernel.reshape(r, s, r, s, channels, features).swapaxes(1, 2).reshape(r, r, depth, features)
    inputs_matrix, taps_matrix, outputs_matrix = WINOGRAD[r]

    def along(axis, blocks, taps, product):
        shifted = [lax.slice_in_dim(blocks, i, i + blocks.shape[axis] - r, 2, axis) for i in range(r + 1)]
        pairs = zip(combine(inputs_matrix, shifted), combine(taps_matrix, taps))
        y = jnp.stack(combine(outputs_matrix, [product(v, u) for v, u in pairs]), axis + 1)
        return y.reshape(*y.shape[:axis], 2 * y.shape[axis], *y.shape[axis + 2 :])

    return along(1, blocks, taps, lambda v, u: along(2, v, u, matmul))


def combine(matrix: tuple, arrays) -> list[Array]:
    """The linear combinations of `arrays` with the rows of `matrix`."""
    return [sum(c * a for c, a in zip(row, arrays) if c) for row in matrix]


def matmul(x: Array, kernel: Array) -> Array:
    """x[..., C] @ kernel[C, F], flattened: a product of two matrices stays fast when differentiated."""
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:-1], kernel.shape[-1])
