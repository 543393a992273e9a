"""Features of a network: the pooled activations of all its layers, by DCGAN's protocol."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from ebmjax.nets.conv import Conv
from ebmjax.types import Array, PyTree


def layer_features(
    module: nn.Module, params: PyTree, x: Array, *, activation: Callable[[Array], Array], grid: int = 4
) -> Array:
    """Activations of every convolution and dense layer of a Flax module at x, concatenated: `[B, ...]` -> `[B, D]`.

    Layers with one number per example (the energy itself) are left out.

    Args:
        activation: what the network applies to the layers' outputs, e.g. `nets.ACTIVATIONS["silu"]`.
        grid: feature maps whose sides are multiples of it are max-pooled to grid x grid (paper: 4), others stay.

    Reference: Radford et al. 2016 (arXiv 1511.06434), section 5.1; applied to energies by Gao et al. 2020 (arXiv
    1912.00589).
    """
    is_layer = lambda layer, name: name == "__call__" and isinstance(layer, Conv | nn.Dense)
    _, found = module.apply({"params": params}, x, capture_intermediates=is_layer, mutable=["intermediates"])
    outputs = [y for y in jax.tree.leaves(found["intermediates"]) if y.size > len(x)]
    return jnp.concatenate([pool(activation(y), grid).reshape(len(x), -1) for y in outputs], axis=1)


def pool(x: Array, grid: int) -> Array:
    """Maximum over equal windows: `[B, H, W, C]` -> `[B, grid, grid, C]`; x itself if they do not fit or it is flat."""
    if x.ndim != 4 or x.shape[1] % grid or x.shape[2] % grid:
        return x
    batch, height, width, channels = x.shape
    return jnp.max(x.reshape(batch, grid, height // grid, grid, width // grid, channels), axis=(2, 4))
