"""Convolutional energies of images: `[B, H, W, C]` -> `[B]`."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets import init
from ebmjax.nets.conv import Conv
from ebmjax.nets.mlp import INITIALISATIONS
from ebmjax.types import Array


class ConvEnergy(nn.Module):
    """Convolutions with LeakyReLU between them, down to one number per image: `[B, H, W, C]` -> `[B]`.

    layers: (features, kernel_size, stride, padding) each, `conv_energy_layers` or your own; the last has one feature
        and must leave one pixel, else ValueError. `ConvLogits` has a feature for each class.
    slope: of the LeakyReLU for x < 0. form: see `ebmjax.nets.conv`.
    use_bias: in all layers; if False, in the last layer only. kernel_init: PyTorch's default unless given.
    """

    layers: Sequence[tuple[int, int, int, int]]
    slope: float = 0.2
    form: str = "auto"
    use_bias: bool = True
    kernel_init: Callable = init.torch_kernel

    def __call__(self, x: Array) -> Array:
        return self.outputs(x).reshape(-1)

    @nn.compact
    def outputs(self, x: Array) -> Array:
        """The last layer at its one pixel: `[B, H, W, C]` -> `[B, features]`."""
        size, last = x.shape[1:], len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = nn.leaky_relu(x, self.slope) if i else x
            use_bias = self.use_bias or i == last
            x = Conv(*layer, use_bias=use_bias, kernel_init=self.kernel_init, form=self.form)(x)
        expected = (1, 1, self.layers[-1][0])
        if x.shape[1:] != expected:
            raise ValueError(f"ConvEnergy: images {size} come out as {x.shape[1:]}, not {expected}: resize them")
        return x[:, 0, 0]


class ConvLogits(ConvEnergy):
    """The same convolutions with as many features in the last layer as classes: `[B, H, W, C]` -> logits `[B, n]`."""

    def __call__(self, x: Array) -> Array:
        return self.outputs(x)


def conv_energy_layers(width: int, size: int, limit: int = 8) -> tuple[tuple[int, int, int, int], ...]:
    """The papers' layers for images of size x size: 3 x 3, then 4 x 4 of stride 2 down to 4 pixels, then 4 x 4 to one.

    width: n_f, features of the first layer; they double up to `limit` n_f. size: 4 times a power of two, at least 8,
    else ValueError. For 32 pixels these are the layers of Nijkamp et al. (arXiv 1904.09770: n_f = 32, 64, 128, slope
    0.2), of the "vanilla" net of Nijkamp et al. (arXiv 1903.12370: n_f = 32, slope 0.05) and, with limit 4 and without
    biases, of the divergence triangle (arXiv 1812.10907: n_f = 64); other sizes are our own extension.
    """
    halvings = (size // 4).bit_length() - 1
    if halvings < 1 or size != 4 * 2**halvings:
        raise ValueError(f"images are halved down to 4 pixels: size must be 8, 16, 32, 64 ..., got {size}; resize them")
    doubled = [(min(2**i, limit) * width, 4, 2, 1) for i in range(1, halvings + 1)]
    return ((width, 3, 1, 1), *doubled, (1, 4, 1, 0))


def dcgan_energy_layers(width: int, size: int) -> tuple[tuple[int, int, int, int], ...]:
    """Layers of DCGAN's discriminator without normalisation, for images of 32 or 64 pixels, else ValueError.

    width: features of the first layer, which double in the next three (published 64). Reference: Radford et al. 2016
    (arXiv 1511.06434), as in the official code of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230), whose last layer has
    no bias (ours has one, which no gradient sees).
    """
    if size not in (32, 64):
        raise ValueError(f"DCGAN's energy takes images of 32 or 64 pixels, got {size}; resize them")
    return (*((2**i * width, 4, 2, 1) for i in range(4)), (1, size // 16, 1, 0))


class NonlocalEnergy(nn.Module):
    """Three 3 x 3 convolutions with max-pooling, self-attention before the second and third: `[B, H, W, C]` -> `[B]`.

    width: n_f; features n_f, 2 n_f, 4 n_f, then a hidden layer of 8 n_f. H and W must be multiples of 8 (paper: 32
    pixels, n_f = 32). slope: of the LeakyReLU. Reference: Nijkamp et al. 2019 (arXiv 1903.12370), its official code.
    """

    width: int = 32
    slope: float = 0.05
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if x.shape[1] % 8 or x.shape[2] % 8:
            raise ValueError(f"NonlocalEnergy halves images three times: sides must be multiples of 8, got {x.shape}")
        for i in range(3):
            x = NonlocalBlock(self.form)(x) if i else x
            x = Conv(2**i * self.width, 3, 1, 1, form=self.form)(x)
            x = max_pool(nn.leaky_relu(x, self.slope))
        x = x.reshape(x.shape[0], -1)
        for i, features in enumerate((8 * self.width, 1)):
            x = nn.leaky_relu(x, self.slope) if i else x
            kernel_init, bias_init = INITIALISATIONS["torch"](x.shape[-1])
            x = nn.Dense(features, kernel_init=kernel_init, bias_init=bias_init)(x)
        return x[:, 0]


class NonlocalBlock(nn.Module):
    """x + W softmax(θ(x)ᵀ φ(x)) g(x), attention between all pixels: `[B, H, W, C]` -> the same, C even.

    θ, φ, g: 1 x 1 convolutions to C / 2; φ and g are max-pooled. W starts at 0: the block starts as the identity. The
    scores are not divided by √(C / 2). Reference: Wang et al. 2018 (arXiv 1711.07971).
    """

    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        half = x.shape[-1] // 2
        theta, phi, g = (Conv(half, 1, form=self.form, name=name)(x) for name in ("theta", "phi", "g"))
        theta, phi, g = (a.reshape(x.shape[0], -1, half) for a in (theta, max_pool(phi), max_pool(g)))
        weights = jax.nn.softmax(theta @ phi.swapaxes(1, 2), axis=-1)
        y = (weights @ g).reshape(*x.shape[:3], half)
        zeros = nn.initializers.zeros
        return x + Conv(x.shape[-1], 1, kernel_init=zeros, bias_init=zeros, form=self.form, name="out")(y)


def max_pool(x: Array) -> Array:
    """Maximum over windows of 2 x 2: `[B, H, W, C]` -> `[B, H / 2, W / 2, C]`, H and W even."""
    batch, height, width, channels = x.shape
    return jnp.max(x.reshape(batch, height // 2, 2, width // 2, 2, channels), axis=(2, 4))
