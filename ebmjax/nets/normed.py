"""DCGAN's generator (Radford et al. 2016, arXiv 1511.06434): transposed convolutions with batch normalisation."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets.conv import ConvTranspose
from ebmjax.nets.generator import Layer
from ebmjax.types import Array

DCGAN_KERNEL = nn.initializers.normal(0.02)
"""N(0, 0.02²), for every convolution."""


def batch_norm(train: bool, scale_deviation: float = 0.02) -> nn.BatchNorm:
    """PyTorch's batch normalisation with scales N(1, scale_deviation²) at first: DCGAN's .02, or 0 for ones."""
    scale_init = lambda key, shape, dtype=jnp.float32: 1.0 + scale_deviation * jax.random.normal(key, shape, dtype)
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, epsilon=1e-5, scale_init=scale_init, use_fast_variance=False
    )


class NormedGenerator(nn.Module):
    """z[B, nz] -> x[B, H, W, C] in (-1, 1): transposed convolutions, batch normalisation and ReLU between, tanh last.

    layers: (features, kernel_size, stride, padding), e.g. `normed_generator_layers`; only the last has biases.
    scale_deviation: of the normalisation's scales at first, see `batch_norm`.
    Normalised by the statistics of the batch if `train`, else by the running ones, the collection "batch_stats".
    """

    layers: Sequence[Layer]
    kernel_init: Callable = DCGAN_KERNEL
    form: str = "auto"
    scale_deviation: float = 0.02

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> Array:
        x, last = z[:, None, None, :], len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = ConvTranspose(*layer, use_bias=i == last, kernel_init=self.kernel_init, form=self.form)(x)
            x = jnp.tanh(x) if i == last else nn.relu(batch_norm(train, self.scale_deviation)(x))
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
