"""Convolutional generators: from a vector to an image by transposed convolutions."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets import init
from ebmjax.nets.conv import ConvTranspose
from ebmjax.types import Array

Layer = tuple[int, int, int, int]
"""(features, kernel_size, stride, padding) of a transposed convolution."""


class ConvGenerator(nn.Module):
    """z[B, nz] -> x[B, H, W, C] in (-1, 1): transposed convolutions, LeakyReLU 0.2 between them, tanh at the end.

    layers: those of `PUBLISHED`, or your own.
    grid: (h, w), as which the first layer takes z: `[B, h, w, nz / (h w)]`; by default one pixel. No parameter depends
        on it: on a larger grid the same parameters make a larger image, and of a texture more of the same (Han et al.
        2017, arXiv 1606.08571).
    kernel_init: Xavier normal as in the official code, which leaves the biases at PyTorch's default U(±1/√fan_in),
        fan_in = features · kernel_size².
    form: of the convolutions, see `ebmjax.nets.conv`.

    Reference: Pang et al. 2020 (arXiv 2006.08205), g_β of eq. (3), and its official code for the layers.
    """

    layers: Sequence[Layer]
    grid: tuple[int, int] = (1, 1)
    kernel_init: Callable = init.xavier_normal
    form: str = "auto"

    @nn.compact
    def __call__(self, z: Array) -> Array:
        x = z.reshape(len(z), *self.grid, -1)
        for i, (features, kernel_size, stride, padding) in enumerate(self.layers):
            x = nn.leaky_relu(x, 0.2) if i else x
            layer = ConvTranspose(features, kernel_size, stride, padding, kernel_init=self.kernel_init, form=self.form)
            x = layer(x)
        return jnp.tanh(x)


def _doubling(*features: int) -> tuple[Layer, ...]:
    """Layers from one pixel to 4 × 4, then doubling the image."""
    return ((features[0], 4, 1, 0), *((n, 4, 2, 1) for n in features[1:]))


PUBLISHED: dict[str, Callable[[int], tuple[Layer, ...]]] = {
    "mnist": lambda ngf: ((8 * ngf, 7, 1, 0), (4 * ngf, 4, 2, 1), (2 * ngf, 4, 2, 1), (1, 3, 1, 1)),
    "svhn": lambda ngf: _doubling(8 * ngf, 4 * ngf, 2 * ngf, 3),
    "cifar10": lambda ngf: ((8 * ngf, 8, 1, 0), (4 * ngf, 4, 2, 1), (2 * ngf, 4, 2, 1), (3, 3, 1, 1)),
    "celeba64": lambda ngf: _doubling(8 * ngf, 4 * ngf, 2 * ngf, ngf, 3),
    "celeba128": lambda ngf: _doubling(16 * ngf, 8 * ngf, 4 * ngf, 2 * ngf, ngf, 3),
}
"""name -> layers as a function of the width ngf. Images and published settings (nz, ngf): mnist 28 × 28 (8, 128),
svhn 32 × 32 (100, 64), cifar10 32 × 32 (128, 128), celeba64 (100, 128), celeba128 (100, 64 or 128)."""
