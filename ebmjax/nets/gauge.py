"""Gauge fixing: one representative of all weights that are the same classifier up to its continuous symmetries.

A filter before ReLU may be scaled by s > 0 if its weights in the next layer are scaled by 1 / s; a normalised filter
may be scaled freely; all logits may be shifted together. Without a gauge, different weights of the same function would
count as diverse. Permutations of filters are discrete symmetries and are not fixed.

Reference: Deutsch 2018 (arXiv 1801.01952); Deutsch, Nijkamp & Yang 2019 (arXiv 1905.02898).
"""

from collections.abc import Sequence

import jax.numpy as jnp

from ebmjax.nets.targets import Layer
from ebmjax.types import Array, PyTree

TINY = 1e-12
"""Lower bound of a filter's squared length in divisions: a filter of zeros stays zero."""


def fix_gauge(layers: Sequence[Layer], weights: PyTree) -> PyTree:
    """The published gauge. Logits stay the same up to a constant per example; the weights then satisfy

        Σ w² + b² = filter_size   for each filter of every layer but the last (1 per weight, bias included),
        Σ b = 0                   in the last layer.

    Idempotent, and independent of the scales of filters (see the module). The authors' code subtracts the sum of the
    last biases; here their mean is subtracted, which makes the sum 0.

    Args:
        layers: of the target. weights: of one network, or of several along a leading axis.
    """
    fixed, carried = {}, None
    for i, layer in enumerate(layers):
        leaves = dict(weights[layer.name])
        if carried is not None:
            leaves["kernel"] = leaves["kernel"] * _on_kernel(carried[..., None], layer)
        if i == len(layers) - 1:
            leaves["bias"] = leaves["bias"] - jnp.mean(leaves["bias"], axis=-1, keepdims=True)
            carried = None
        else:
            scale = jnp.sqrt(jnp.maximum(_square_length(layer, leaves), TINY) / layer.filter_size)
            leaves["kernel"] = leaves["kernel"] / _on_kernel(scale[..., None, :], layer)
            if layer.bias:
                leaves["bias"] = leaves["bias"] / scale
            carried = None if layer.normalised else scale
        fixed[layer.name] = leaves
    return fixed


def fix_last_layer(layers: Sequence[Layer], weights: PyTree) -> PyTree:
    """The last layer centred over the classes and scaled to 1 per weight. For the entropy term only.

    The published gauge leaves two ways to gain diversity without a different classifier. A vector added to the weights
    of all classes shifts all logits of an example alike: a symmetry, removed by centring. The common scale is a
    temperature, which changes no decision and hardly the cross entropy once all examples are classified: fixed by
    Σ w² + b² = num_filters · filter_size over the layer. That is not a symmetry: the probabilities change.
    """
    layer = layers[-1]
    centred = {name: leaf - jnp.mean(leaf, axis=-1, keepdims=True) for name, leaf in weights[layer.name].items()}
    total = jnp.sum(_square_length(layer, centred), axis=-1, keepdims=True)
    scale = jnp.sqrt(jnp.maximum(total, TINY) / (layer.num_filters * layer.filter_size))
    kernel, bias = centred["kernel"] / _on_kernel(scale[..., None], layer), centred["bias"] / scale
    return weights | {layer.name: {"kernel": kernel, "bias": bias}}


def _square_length(layer: Layer, leaves: PyTree) -> Array:
    """Σ w² + b² of each filter: `[..., filters]`."""
    axes = tuple(range(-len(layer.shape), -1))
    total = jnp.sum(jnp.square(leaves["kernel"]), axis=axes)
    return total + jnp.square(leaves["bias"]) if layer.bias else total


def _on_kernel(values: Array, layer: Layer) -> Array:
    """Values `[..., inputs or 1, filters or 1]` so that they broadcast against the kernel `[..., *layer.shape]`."""
    *leading, inputs, filters = values.shape
    return values.reshape(*leading, *(1,) * (len(layer.shape) - 2), inputs, filters)
