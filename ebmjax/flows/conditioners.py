"""Networks that parameterise the layers of flows. Outputs start at 0, where layers are (nearly) the identity."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from ebmjax.nets import ACTIVATIONS, MLP, conv
from ebmjax.types import Array

LOG_SCALE_FACTOR = 3.0
"""Factor from parameter to log-scale, which thus learns 3 times as fast (Glow's code)."""

ZEROS = nn.initializers.zeros


def standardise(x: Array) -> dict[str, Array]:
    """{"shift", "log_scale"}, each [C]: (x + shift) · exp(3 log_scale) has mean 0 and sd 1 in every channel of x.

    A channel that is constant in x, up to rounding, is scaled like an average one: by the root mean square of the
    others' sd, or by 1 if all are constant. A scale of its own would blow up the first example that differs.
    """
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    sd = jnp.sqrt(jnp.mean((x - mean) ** 2, axes))
    varies = jnp.max(x, axes) - jnp.min(x, axes) > 1e-6 * jnp.max(jnp.abs(x), axes)
    average = jnp.sqrt(jnp.sum(jnp.where(varies, sd, 0.0) ** 2) / jnp.maximum(jnp.sum(varies), 1))
    sd = jnp.where(varies, sd, jnp.where(jnp.any(varies), average, 1.0))
    return {"shift": -mean, "log_scale": -jnp.log(sd + 1e-6) / LOG_SCALE_FACTOR}


class VectorConditioner(nn.Module):
    """MLP with two hidden layers of `width`: `[..., d]` -> `[..., num, outputs]`."""

    width: int
    num: int
    outputs: int
    activation: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = ACTIVATIONS[self.activation](MLP((self.width, self.width), self.activation)(x))
        h = nn.Dense(self.num * self.outputs, kernel_init=ZEROS)(h)
        return h.reshape(*x.shape[:-1], self.num, self.outputs)


class MaskedDense(nn.Module):
    """A dense layer with some weights held at 0: `[..., in]` -> `[..., out]`. mask: bool `[in, out]`."""

    mask: np.ndarray
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param("kernel", self.kernel_init, self.mask.shape)
        return x @ (kernel * self.mask) + self.param("bias", ZEROS, self.mask.shape[1:])


class MADE(nn.Module):
    """Masked MLP: x[..., dim] -> two outputs for each coordinate, both [..., dim], the i-th functions only of x_<i.

    Reference: Germain et al. 2015 (arXiv 1502.03509).
    """

    dim: int
    hidden: Sequence[int]
    activation: str

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        degrees, h = np.arange(self.dim), x
        for width in self.hidden:
            units = np.arange(width) % max(self.dim - 1, 1)  # a unit of degree k sees x_0 .. x_k
            if width < self.dim - 1:  # too few units for all degrees: spread degrees, or the last coordinates get none
                units = np.rint(np.linspace(0, self.dim - 2, width)).astype(int)
            h = ACTIVATIONS[self.activation](MaskedDense(degrees[:, None] <= units)(h))
            degrees = units
        mask = np.tile(degrees[:, None] < np.arange(self.dim), (1, 2))
        first, second = jnp.split(MaskedDense(mask, ZEROS)(h), 2, axis=-1)
        return first, second


class ActNorm(nn.Module):
    """(x + shift) · exp(3 log_scale) by channel: mean 0 and sd 1 on the batch of `init`."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shift, log_scale = (self.param(name, lambda key: standardise(x)[name]) for name in ("shift", "log_scale"))
        return (x + shift) * jnp.exp(LOG_SCALE_FACTOR * log_scale)


class EdgeConv(nn.Module):
    """3 × 3 convolution without bias that can detect the border: `[B, H, W, C]` -> `[B, H, W, features]`.

    The image is padded with zeros, and an extra channel is 1 in the padding and 0 inside. form: as in `nets.conv`.
    """

    features: int
    kernel_init: nn.initializers.Initializer
    form: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        pad = ((0, 0), (1, 1), (1, 1), (0, 0))
        border = jnp.pad(jnp.zeros((*x.shape[:3], 1), x.dtype), pad, constant_values=1)
        x = jnp.concatenate([jnp.pad(x, pad), border], axis=-1)
        kernel = self.param("kernel", self.kernel_init, (3, 3, x.shape[-1], self.features))
        return conv(x, kernel, form=self.form)


class ZeroConv(nn.Module):
    """`EdgeConv` with a bias, times exp(3 log_scale), all starting at 0."""

    features: int
    form: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = EdgeConv(self.features, ZEROS, self.form)(x) + self.param("bias", ZEROS, (self.features,))
        return y * jnp.exp(LOG_SCALE_FACTOR * self.param("log_scale", ZEROS, (self.features,)))


class ImageConditioner(nn.Module):
    """Glow's conditioner: 3 × 3, 1 × 1, 3 × 3 convolutions of `width`, `[B, H, W, C]` -> `[B, H, W, features]`.

    Each of the first two is followed by an activation normalisation, as in Glow's code, and ReLU.
    """

    width: int
    features: int
    form: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        normal = nn.initializers.normal(0.05)
        h = nn.relu(ActNorm()(EdgeConv(self.width, normal, self.form)(x)))
        h = nn.relu(ActNorm()(nn.Dense(self.width, use_bias=False, kernel_init=normal)(h)))
        return ZeroConv(self.features, self.form)(h)
