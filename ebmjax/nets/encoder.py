"""Encoders: the mean and log-variance of q(z | x) = N(mean, diag exp(log_variance))."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets import init
from ebmjax.nets.conv import Conv
from ebmjax.nets.mlp import ACTIVATIONS, MLP
from ebmjax.nets.normed import DCGAN_KERNEL, batch_norm
from ebmjax.types import Array


class MLPEncoder(nn.Module):
    """Dense layers of `widths`, then both heads: x[B, ...] -> (mean, log_variance), `[B, latent_dim]` each.

    activation, init_name: as in `nets.MLP`, of all but the heads, which start from U(±1/√fan_in) with zero biases.
    """

    latent_dim: int
    widths: Sequence[int]
    activation: str = "leaky_relu"
    init_name: str = "he"

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        hidden = MLP(self.widths, self.activation, self.init_name)(x.reshape(x.shape[0], -1))
        heads = nn.Dense(2 * self.latent_dim, kernel_init=init.torch_kernel)(ACTIVATIONS[self.activation](hidden))
        mean, log_variance = jnp.split(heads, 2, axis=1)
        return mean, log_variance


class ConvEncoder(nn.Module):
    """Convolutions without biases, LeakyReLU 0.2 after each, then two linear heads on the flattened output.

    x[B, H, W, C] -> (mean, log_variance), `[B, latent_dim]` each.

    layers: (features, kernel_size, stride, padding), e.g. `conv_energy_layers(width, size)` without the last layer.
        The divergence triangle (arXiv 1812.10907) has width 64; arXiv 2006.06059 has width 48 and `normed`.
    normed: batch normalisation before each LeakyReLU, by the statistics of the batch if `train`, else by the running
        ones, the collection "batch_stats".
    """

    latent_dim: int
    layers: Sequence[tuple[int, int, int, int]]
    normed: bool = False
    kernel_init: Callable = DCGAN_KERNEL
    form: str = "auto"

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, Array]:
        make = lambda *layer, **options: Conv(*layer, kernel_init=self.kernel_init, form=self.form, **options)
        for layer in self.layers:
            x = make(*layer, use_bias=False)(x)
            x = batch_norm(train)(x) if self.normed else x
            x = nn.leaky_relu(x, 0.2)
        heads = (make(self.latent_dim, x.shape[1], name=name)(x) for name in ("mean", "log_variance"))
        mean, log_variance = (head.reshape(len(x), -1) for head in heads)
        return mean, log_variance
