"""The convolutional top-down generator of several layers of latents, as released with arXiv 1912.01909."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets.conv import Conv, ConvTranspose
from ebmjax.nets.mlp import ACTIVATIONS, MLP
from ebmjax.nets.multilayer import SOFTPLUS_OF_1, Infer
from ebmjax.types import Array

SCALES = {
    "softplus": lambda raw: nn.softplus(raw + SOFTPLUS_OF_1),
    "released": lambda raw: jnp.exp(0.5 * jnp.clip(nn.softplus(raw) + 1e-8, 0.0, 10.0)),
}
"""name -> σ_l of a head's output. "released" is the code's: a clamped softplus, called a variance there, is used as the
logarithm of the variance, so that σ_l ≥ 1."""

PROJECTED = 4
"""Channels of a projected vector before its convolution."""

linear = lambda width, name=None: MLP((width,), init_name="torch", name=name)


class Projection(nn.Module):
    """A vector -> feature maps, `[B, d]` -> `[B, m, m, features]`: linear to 4 maps, transposed convolution 5 x 5."""

    map_size: int
    features: int
    activation: str

    @nn.compact
    def __call__(self, h: Array) -> Array:
        act = ACTIVATIONS[self.activation]
        projected = act(linear(PROJECTED * self.map_size**2)(h))
        maps = projected.reshape(len(h), self.map_size, self.map_size, PROJECTED)
        return act(ConvTranspose(self.features, 5, 1, 2, use_bias=False)(maps))


class Deterministic(nn.Module):
    """Convolutions 5 x 5 and 3 x 3 of feature maps, added to their input: `[B, m, m, F]` -> `[B, m, m, F]`."""

    activation: str

    @nn.compact
    def __call__(self, maps: Array) -> Array:
        act, features = ACTIVATIONS[self.activation], maps.shape[-1]
        return maps + act(Conv(features, 3, 1, 1)(act(Conv(features, 5, 1, 2)(maps))))


class Head(nn.Module):
    """Feature maps -> a vector, `[B, m, m, F]` -> `[B, dim]`: convolution 5 x 5 without padding, then linear."""

    dim: int
    activation: str

    @nn.compact
    def __call__(self, maps: Array) -> Array:
        maps = ACTIVATIONS[self.activation](Conv(self.dim, 5)(maps))
        return linear(self.dim)(maps.reshape(len(maps), -1))


class MultilayerConvGenerator(nn.Module):
    """{"z1": [B, d_1], ..., "zL": [B, d_L]} -> x[B, side, side, C] in (-1, 1); zL is on top, all are N(0, I) a priori.

    h_L = zL; for l = L ... 1: feature maps m_l = Deterministic_l(Projection_l(h_l)) + m_{l+1} (m_{L+1} = 0), and
    h_{l-1} = μ(m_l) + σ(m_l) z(l-1). Transposed convolutions of Deterministic_0(m_1), each of which doubles the side,
    and tanh make x.

    shape: (side, side, C), side = map_size · 2, 4, 8 ... map_size: of the feature maps, ≥ 5 (published 16).
    features: maps (64). activation: name in `ACTIVATIONS`. variance: name in `SCALES`, how σ is made. ladder: instead
    h_{l-1} = activation(linear([μ(m_l), z(l-1)])), which is no Gaussian.
    infer: as in `MultilayerMLPGenerator`; not with `ladder`.

    Numbers of parameters, with m = map_size and F = features: Projection of d latents 4 m² (d + 1) + 100 F (its
    transposed convolution has no bias); Deterministic 34 F² + 2 F; Gaussian of d latents 2 d (25 F + (m - 4)² d + 2);
    each doubling 16 F C + C to C channels (F before the last). At 32 x 32 x 3 with d of 128, 96, 64, 64, 64 for
    z1 ... z5: 12,162,435.

    Reference: Nijkamp et al. 2020 (arXiv 1912.01909), layers and sizes from its official code, without batch
    normalisation, which is off there.
    """

    shape: Sequence[int]
    map_size: int = 16
    features: int = 64
    activation: str = "gelu"
    variance: str = "softplus"
    ladder: bool = False

    @nn.compact
    def __call__(self, z: dict[str, Array], infer: Infer | None = None) -> Array:
        num_doublings = doublings(self.shape, self.map_size)
        if self.ladder and infer:
            raise ValueError("the ladder variant of the generator has no means and scales for `infer`")
        act, top = ACTIVATIONS[self.activation], z[f"z{len(z)}"]
        h = infer(f"z{len(z)}", top, jnp.zeros_like(top), jnp.ones_like(top)) if infer else top
        maps = jnp.zeros((1, self.map_size, self.map_size, self.features))
        for layer in range(len(z), 0, -1):
            projected = Projection(self.map_size, self.features, self.activation, name=f"projection{layer}")(h)
            maps = Deterministic(self.activation, name=f"deterministic{layer}")(projected) + maps
            if layer > 1:
                h = self.latents(f"z{layer - 1}", maps, z[f"z{layer - 1}"], infer)
        x = Deterministic(self.activation, name="deterministic0")(maps)
        for i in range(num_doublings, 0, -1):
            x = ConvTranspose(self.features if i > 1 else self.shape[2], 4, 2, 1, name=f"double{i}")(x)
            x = act(x) if i > 1 else jnp.tanh(x)
        return x

    def latents(self, layer: str, maps: Array, noise: Array, infer: Infer | None) -> Array:
        """The latents h of `layer`, from the feature maps above and the layer's noise."""
        head = lambda name: Head(noise.shape[1], self.activation, name=f"{layer}_{name}")(maps)
        mean = head("mean")
        if self.ladder:
            mixed = linear(noise.shape[1], name=f"{layer}_mix")(jnp.concatenate([mean, noise], axis=1))
            return ACTIVATIONS[self.activation](mixed)
        scale = SCALES[self.variance](head("scale"))
        return mean + scale * (infer(layer, noise, mean, scale) if infer else noise)


def doublings(shape: Sequence[int], map_size: int) -> int:
    """How often feature maps of side map_size are doubled to images of `shape`. Raises ValueError if they cannot be."""
    num = max((shape[0] // map_size).bit_length() - 1, 0) if len(shape) == 3 else 0
    if map_size < 5 or num < 1 or tuple(shape[:2]) != (map_size * 2**num,) * 2:
        raise ValueError(f"feature maps of side {map_size} must be ≥ 5 and double to images, of shape {tuple(shape)}")
    return num
