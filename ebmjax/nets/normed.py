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


def batch_norm(train: bool) -> nn.BatchNorm:
    """PyTorch's batch normalisation with DCGAN's scales N(1, 0.02²)."""
    scale_init = lambda key, shape, dtype=jnp.float32: 1.0 + 0.02 * jax.random.normal(key, shape, dtype)
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, epsilon=1e-5, scale_init=scale_init, use_fast_variance=False
    )


class NormedGenerator(nn.Module):
    """z[B, nz] -> x[B, H, W, C] in (-1, 1): transposed convolutions, batch normalisation and ReLU between, tanh last.

    layers: (features, kernel_size, stride, padding), e.g. `normed_generator_layers`; only the last has biases.
    Normalised by the statistics of the batch if `train`, else by the running ones, the collection "batch_stats".
    """

    layers: Sequence[Layer]
    kernel_init: Callable = DCGAN_KERNEL
    form: str = "auto"

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> Array:
        x, last = z[:, None, None, :], len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = ConvTranspose(*layer, use_bias=i == last, kernel_init=self.kernel_init, form=self.form)(x)
            x = jnp.tanh(x) if i == last else nn.relu(batch_norm(train)(x))
        return x


def normed_generator_layers(width: int, channels: int) -> tuple[Layer, ...]:
    """The layers for 32 x 32 images in two papers that learn joint distributions of x and z.

    width: features before the image, 128 in the divergence triangle (arXiv 1812.10907), 96 in arXiv 2006.06059.
    """
    doubled = ((n * width, 4, 2, 1) for n in (4, 2, 1))
    return ((4 * width, 4, 1, 0), *doubled, (channels, 3, 1, 1))
