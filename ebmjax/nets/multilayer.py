"""Top-down generators of several layers of latents, in coordinates whose priors are all N(0, I)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from ebmjax.nets.mlp import MLP, MLPGenerator
from ebmjax.types import Array

Infer = Callable[[str, Array, Array, Array], Array]
"""(layer, noise, mean, scale) -> z of that layer, `[B, d]` all: inference from the top down, where a layer's h has the
mean and the scale that the layers above give it, 0 and 1 for the top layer."""


class MultilayerMLPGenerator(nn.Module):
    """{"z1": [B, d_1], ..., "zL": [B, d_L]} -> x[B, *shape]; zL is the top layer, the prior of each is N(0, I).

    h_L = zL; h_l = μ_l(h_{l+1}) + σ_l(h_{l+1}) zl for l = L-1 ... 1; x = g(h_1). μ_l and σ_l > 0 are heads of one
    perceptron of `widths`, g is another one; σ_l starts near 1.

    activation: name in `ACTIVATIONS`. bounded: x in (-1, 1) by tanh, else unbounded.
    infer: makes the z of each layer from the given one (`Infer`); by default it is the given one.

    Reference: Nijkamp et al. 2020 (arXiv 1912.01909).
    """

    shape: Sequence[int]
    widths: Sequence[int]
    activation: str = "gelu"
    bounded: bool = True

    @nn.compact
    def __call__(self, z: dict[str, Array], infer: Infer | None = None) -> Array:
        top = z[f"z{len(z)}"]
        h = infer(f"z{len(z)}", top, jnp.zeros_like(top), jnp.ones_like(top)) if infer else top
        for layer in range(len(z) - 1, 0, -1):
            noise = z[f"z{layer}"]
            heads = MLP((*self.widths, 2 * noise.shape[1]), self.activation, name=f"layer{layer}")(h)
            mean, raw = jnp.split(heads, 2, axis=1)
            scale = nn.softplus(raw + SOFTPLUS_OF_1)
            h = mean + scale * (infer(f"z{layer}", noise, mean, scale) if infer else noise)
        return MLPGenerator(self.shape, self.widths, self.activation, self.bounded, name="decoder")(h)


def split_layers(z: Array, dims: Sequence[int]) -> dict[str, Array]:
    """{"z1": [B, d_1], ..., "zL": [B, d_L]} of their concatenation `[B, Σ d]`, z1 first."""
    return {f"z{i}": part for i, part in enumerate(jnp.split(z, np.cumsum(dims)[:-1], axis=1), start=1)}


class FlatLatents(nn.Module):
    """A generator of several layers as one of a single vector: z[B, Σ d] -> x, z1 first.

    generator: module ({layer: [B, d]}, infer) -> x. dims: d of z1, z2, ... infer: passed on to it.
    """

    generator: nn.Module
    dims: Sequence[int]

    @nn.compact
    def __call__(self, z: Array, infer: Infer | None = None) -> Array:
        return self.generator(split_layers(z, self.dims), infer)


SOFTPLUS_OF_1 = 0.5413
"""softplus(0.5413) = 1."""
