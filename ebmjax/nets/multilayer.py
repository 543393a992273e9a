"""Top-down generators of several layers of latents, in coordinates whose priors are all N(0, I)."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.nets.mlp import MLP, MLPGenerator
from ebmjax.types import Array


class MultilayerMLPGenerator(nn.Module):
    """{"z1": [B, d_1], ..., "zL": [B, d_L]} -> x[B, *shape]; zL is the top layer, the prior of each is N(0, I).

    h_L = zL; h_l = μ_l(h_{l+1}) + σ_l(h_{l+1}) zl for l = L-1 ... 1; x = g(h_1). μ_l and σ_l > 0 are heads of one
    perceptron of `widths`, g is another one; σ_l starts near 1.

    activation: name in `ACTIVATIONS`. bounded: x in (-1, 1) by tanh, else unbounded.

    Reference: Nijkamp et al. 2020 (arXiv 1912.01909).
    """

    shape: Sequence[int]
    widths: Sequence[int]
    activation: str = "gelu"
    bounded: bool = True

    @nn.compact
    def __call__(self, z: dict[str, Array]) -> Array:
        h = z[f"z{len(z)}"]
        for layer in range(len(z) - 1, 0, -1):
            noise = z[f"z{layer}"]
            heads = MLP((*self.widths, 2 * noise.shape[1]), self.activation, name=f"layer{layer}")(h)
            mean, raw = jnp.split(heads, 2, axis=1)
            h = mean + nn.softplus(raw + SOFTPLUS_OF_1) * noise
        return MLPGenerator(self.shape, self.widths, self.activation, self.bounded, name="decoder")(h)


SOFTPLUS_OF_1 = 0.5413
"""softplus(0.5413) = 1."""
