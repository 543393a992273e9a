"""Generators with batch normalisation: DCGAN's transposed convolutions (Radford et al. 2016, arXiv 1511.06434),
residual blocks (arXiv 2010.04230), and perceptrons.

`train`: normalised by the statistics of the batch if true, else by the running ones, the collection "batch_stats",
which keep `momentum` of themselves in each update. With momentum 0 they become those of the batch.
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.nets import init
from ebmjax.nets.conv import Conv, ConvTranspose
from ebmjax.nets.generator import Layer
from ebmjax.nets.mlp import ACTIVATIONS
from ebmjax.types import Array

DCGAN_KERNEL = nn.initializers.normal(0.02)
"""N(0, 0.02²), for every convolution."""


def normal_scales(deviation: float) -> Callable:
    """Initialiser N(1, deviation²) of batch normalisation's scales; 0 for ones."""
    return lambda rng_key, shape, dtype=jnp.float32: 1.0 + deviation * jax.random.normal(rng_key, shape, dtype)


dcgan_scale = normal_scales(0.02)
"""DCGAN's scales of batch normalisation, N(1, 0.02²)."""


def batch_norm(train: bool, momentum: float = 0.9, scale_init: Callable = dcgan_scale) -> nn.BatchNorm:
    """PyTorch's batch normalisation, by default with DCGAN's scales; its own default are scales of 1."""
    return nn.BatchNorm(
        use_running_average=not train, momentum=momentum, epsilon=1e-5, scale_init=scale_init, use_fast_variance=False
    )


class NormedGenerator(nn.Module):
    """z[B, nz] -> x[B, H, W, C] in (-1, 1): transposed convolutions, batch normalisation and ReLU between, tanh last.

    layers: (features, kernel_size, stride, padding), e.g. `normed_generator_layers`; only the last has biases.
    """

    layers: Sequence[Layer]
    kernel_init: Callable = DCGAN_KERNEL
    scale_init: Callable = dcgan_scale
    momentum: float = 0.9
    form: str = "auto"

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> Array:
        x, last = z[:, None, None, :], len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = ConvTranspose(*layer, use_bias=i == last, kernel_init=self.kernel_init, form=self.form)(x)
            x = jnp.tanh(x) if i == last else nn.relu(batch_norm(train, self.momentum, self.scale_init)(x))
        return x


def normed_generator_layers(width: int, channels: int, size: int = 32) -> tuple[Layer, ...]:
    """The layers for images of size x size in two papers that learn joint distributions of x and z.

    width: features before the image, 128 in the divergence triangle (arXiv 1812.10907), 96 in arXiv 2006.06059. size:
    4 times a power of two, at least 32, else ValueError. The papers' layers are those of 32 pixels; for larger images
    the widest layer is repeated, which is our own extension.
    """
    doublings = (size // 4).bit_length() - 1
    if doublings < 3 or size != 4 * 2**doublings:
        raise ValueError(f"images are doubled from 4 pixels: size must be 32, 64, 128 ..., got {size}; resize them")
    doubled = ((n * width, 4, 2, 1) for n in (*(4,) * (doublings - 2), 2, 1))
    return ((4 * width, 4, 1, 0), *doubled, (channels, 3, 1, 1))


def dcgan_generator(width: int, shape: Sequence[int]) -> NormedGenerator:
    """DCGAN's generator of 32 x 32 or 64 x 64 images `shape` = (H, W, C), as in the code of arXiv 2010.04230: PyTorch's
    default initialisation. width: features before the image, published 64. Raises ValueError for other sizes."""
    if shape[0] != shape[1] or shape[0] not in (32, 64):
        raise ValueError(f"DCGAN's generator makes images of 32 x 32 or 64 x 64, not {tuple(shape)}")
    doubling = ((n * width, 4, 2, 1) for n in (4, 2, 1))
    layers = ((8 * width, shape[0] // 16, 1, 0), *doubling, (shape[2], 4, 2, 1))
    return NormedGenerator(layers, init.torch_transpose_kernel, nn.initializers.ones)


class ResidualBlock(nn.Module):
    """Batch normalisation, ReLU, doubling, 3 x 3 convolution, and the same without doubling; plus x itself, doubled:
    `[B, H, W, C]` -> `[B, 2 H, 2 W, C]`. Doubling repeats pixels."""

    momentum: float = 0.9
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        norm = lambda y: nn.relu(batch_norm(train, self.momentum, nn.initializers.ones)(y))
        conv = lambda y: residual_conv(y.shape[-1], self.form)(y)
        return doubled(x) + conv(norm(conv(doubled(norm(x)))))


class ResidualGenerator(nn.Module):
    """z[B, nz] -> x[B, side, side, channels] in (-1, 1), side = 4 · 2^num_blocks: dense layer to 4 x 4 pixels, residual
    blocks, batch normalisation, ReLU, a 3 x 3 convolution, tanh.

    features: published 256, with 3 blocks and 128 latents. Kernels are Xavier uniform, those of convolutions times √2;
    biases are 0. Reference: the official code of arXiv 2010.04230.
    """

    num_blocks: int
    channels: int
    features: int = 256
    momentum: float = 0.9
    form: str = "auto"

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> Array:
        x = nn.Dense(16 * self.features, kernel_init=nn.initializers.xavier_uniform())(z)
        x = x.reshape(len(z), 4, 4, self.features)
        for _ in range(self.num_blocks):
            x = ResidualBlock(self.momentum, self.form)(x, train)
        x = nn.relu(batch_norm(train, self.momentum, nn.initializers.ones)(x))
        return jnp.tanh(residual_conv(self.channels, self.form)(x))


def residual_generator(features: int, shape: Sequence[int]) -> ResidualGenerator:
    """That of images `shape` = (H, W, C). Raises ValueError unless H = W is 8, 16, 32, 64 ..."""
    num_blocks = (shape[0] // 4).bit_length() - 1
    if shape[0] != shape[1] or num_blocks < 1 or shape[0] != 4 * 2**num_blocks:
        raise ValueError(f"the residual generator makes square images of 8, 16, 32, 64 ... pixels, not {tuple(shape)}")
    return ResidualGenerator(num_blocks, shape[2], features)


def residual_conv(features: int, form: str) -> Conv:
    """A 3 x 3 convolution with Xavier uniform kernels of gain √2, and biases of 0."""
    kernel_init = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")
    return Conv(features, 3, 1, 1, kernel_init=kernel_init, bias_init=nn.initializers.zeros, form=form)


def doubled(x: Array) -> Array:
    """Every pixel four times: `[B, H, W, C]` -> `[B, 2 H, 2 W, C]`."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


class NormedMLPGenerator(nn.Module):
    """`MLPGenerator` with batch normalisation before each activation, and PyTorch's default initialisation.

    `[B, nz]` -> `[B, *shape]`, in (-1, 1) if `bounded`. Only the last layer has biases. widths, activation: published
    (500, 500, 500) and softplus for tables, (100, 100) and relu for toys (the official code of arXiv 2010.04230).
    """

    shape: Sequence[int]
    widths: Sequence[int]
    activation: str = "softplus"
    bounded: bool = True
    momentum: float = 0.9

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> Array:
        x = z
        for width in self.widths:
            x = nn.Dense(width, use_bias=False, kernel_init=init.torch_kernel)(x)
            x = ACTIVATIONS[self.activation](batch_norm(train, self.momentum, nn.initializers.ones)(x))
        bias_init = init.torch_bias(x.shape[-1])
        x = nn.Dense(int(np.prod(self.shape)), kernel_init=init.torch_kernel, bias_init=bias_init)(x)
        x = jnp.tanh(x) if self.bounded else x
        return x.reshape(len(z), *self.shape)
