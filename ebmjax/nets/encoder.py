"""Encoders: the mean and log-variance of q(z | x) = N(mean, diag exp(log_variance))."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets import init
from ebmjax.nets.conv import Conv
from ebmjax.nets.mlp import ACTIVATIONS, MLP
from ebmjax.nets.normed import DCGAN_KERNEL, batch_norm, dcgan_scale
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


class LayeredEncoder(nn.Module):
    """From the bottom up: x[B, ...] -> features 1 ... L; heads of features l give mean and log-variance of layer l.

    (mean, log_variance), `[B, Σ d]` each, layer 1 first.

    dims: d_1, d_2, ... of the layers. widths: hidden layers of each step up. conv_widths: features of convolutions
    4 x 4 with stride 2 below the first step, for images; () for none.

    Reference: the deterministic upward pass of Sønderby et al. 2016 (arXiv 1602.02282), section 2, without batch
    normalisation.
    """

    dims: Sequence[int]
    widths: Sequence[int]
    conv_widths: Sequence[int] = ()
    activation: str = "gelu"

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        act, heads = ACTIVATIONS[self.activation], []
        for width in self.conv_widths:
            x = act(Conv(width, 4, 2, 1)(x))
        hidden = x.reshape(len(x), -1)
        for dim in self.dims:
            hidden = act(MLP(self.widths, self.activation)(hidden))
            heads.append(jnp.split(MLP((2 * dim,), init_name="torch")(hidden), 2, axis=1))
        mean, log_variance = (jnp.concatenate(parts, axis=1) for parts in zip(*heads, strict=True))
        return mean, log_variance


class ConvEncoder(nn.Module):
    """Convolutions without biases, LeakyReLU 0.2 after each, then two linear heads on the flattened output.

    x[B, H, W, C] -> (mean, log_variance), `[B, latent_dim]` each.

    layers: (features, kernel_size, stride, padding), e.g. `conv_energy_layers(width, size)` without the last layer.
        The divergence triangle (arXiv 1812.10907) has width 64; arXiv 2006.06059 has width 48 and `normed`.
    normed: batch normalisation before each LeakyReLU, by the statistics of the batch if `train`, else by the running
        ones, the collection "batch_stats". scale_init: of its scales.
    """

    latent_dim: int
    layers: Sequence[tuple[int, int, int, int]]
    normed: bool = False
    kernel_init: Callable = DCGAN_KERNEL
    form: str = "auto"
    scale_init: Callable = dcgan_scale

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array, Array]:
        make = lambda *layer, **options: Conv(*layer, kernel_init=self.kernel_init, form=self.form, **options)
        for layer in self.layers:
            x = make(*layer, use_bias=False)(x)
            x = batch_norm(train, scale_init=self.scale_init)(x) if self.normed else x
            x = nn.leaky_relu(x, 0.2)
        heads = (make(self.latent_dim, x.shape[1], name=name)(x) for name in ("mean", "log_variance"))
        mean, log_variance = (head.reshape(len(x), -1) for head in heads)
        return mean, log_variance
