"""A network plus a quadratic: an energy on unbounded space whose density can be normalised."""

import flax.linen as nn
import jax.numpy as jnp

from ebmjax.types import Array


class Confined(nn.Module):
    """net(x) + weight · ||x||²: `[B, ...]` -> `[B]`, so that exp(-E) has a finite integral whatever `net` learns.

    net: Flax module x -> energy[B]; it must fall more slowly than -||x||². weight: > 0.
    """

    net: nn.Module
    weight: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return self.net(x) + self.weight * jnp.sum(jnp.square(x.reshape(x.shape[0], -1)), axis=1)
