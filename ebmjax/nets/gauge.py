"""Gauge fixing: of all weights that make the same classifier, by its continuous symmetries, one representative.

A filter before ReLU may be scaled by s > 0 if what reads it is scaled by 1 / s; a normalised filter may be scaled at
all; all logits may be shifted. Without a gauge, weights would be diverse that are the same function. Permutations of
filters are discrete, and stay.

Reference: Deutsch 2018 (arXiv 1801.01952); Deutsch, Nijkamp & Yang 2019 (arXiv 1905.02898).
"""

from collections.abc import Sequence

import jax.numpy as jnp

from ebmjax.nets.targets import Layer
from ebmjax.types import Array, PyTree

TINY = 1e-12
"""Least squared length of a filter: one of zeros stays one."""


def fix_gauge(layers: Sequence[Layer], weights: PyTree) -> PyTree:
    """The published gauge: the same logits up to a constant per example, with in every layer but the last

        Σ w² + b² = filter_size   for each filter (that is 1 per weight, bias included), and Σ b = 0 in the last.

    Idempotent, and unchanged if filters of the raw weights were rescaled (and their readers inversely). The authors'
    code subtracts the sum of the last biases; that their mean is meant, makes the sum 0.

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
    """The last layer centred over the classes, and scaled to 1 per weight: for the entropy alone.

    Two ways that the published gauge leaves open to gain diversity without another classifier. One vector added to the
    weights of all classes shifts all logits of an example alike: a symmetry, removed by centring. The common scale is a
    temperature, which moves no decision, and to which the cross entropy hardly objects once all is classified: removed
    by Σ w² + b² = num_filters · filter_size over the layer. That is no symmetry: the probabilities change.
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
