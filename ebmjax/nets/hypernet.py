"""A hypernetwork, which generates the weights of another network: z -> a code for each filter -> its weights.

Reference: Deutsch 2018 (arXiv 1801.01952); Deutsch, Nijkamp & Yang 2019 (arXiv 1905.02898).
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from ebmjax.nets.targets import Layer
from ebmjax.types import Array, PyTree

DECAY = 0.98
"""Of the running statistics of batch normalisation, per training step."""


class Code(NamedTuple):
    """How a layer's weights are generated. size: of one code. widths: hidden layers of the generator. whole: one code
    for the whole layer instead of one per filter."""

    size: int
    widths: tuple[int, ...]
    whole: bool = False


class HyperNet(nn.Module):
    """z[B, d] -> {layer: {"kernel": [B, *shape], "bias": [B, filters]}}, before any gauge fixing.

    The extractor maps z to all codes; one generator per layer, shared by its filters, turns a code into weights.

    layers: of the target. codes: one per layer. extractor: widths of its hidden layers.
    slope: of LeakyReLU. init_scale: variance of kernels times their fan-in.
    batch_norm: after each hidden activation, by statistics over the batch (and the filters) if `train`, else by the
        running ones, the collection "batch_stats". Layers have biases only without it.
    linear_codes: the extractor's last hidden layer is linear and not normalised, as in the authors' code for CIFAR-10;
        the layer of codes, which follows, is linear in any case.
    """

    layers: Sequence[Layer]
    codes: Sequence[Code]
    extractor: Sequence[int]
    slope: float = 0.05
    init_scale: float = 0.01
    batch_norm: bool = True
    linear_codes: bool = False

    @nn.compact
    def __call__(self, z: Array, train: bool = False) -> PyTree:
        net = partial(Perceptron, slope=self.slope, init_scale=self.init_scale, batch_norm=self.batch_norm)
        nums = [1 if code.whole else layer.num_filters for layer, code in zip(self.layers, self.codes, strict=True)]
        sizes = [num * code.size for num, code in zip(nums, self.codes)]
        if self.linear_codes:
            z = net(self.extractor, name="extractor")(z, train)
            all_codes = net((sum(sizes),), name="codes")(z, train)
        else:
            all_codes = net((*self.extractor, sum(sizes)), name="extractor")(z, train)
        weights = {}
        parts = jnp.split(all_codes, np.cumsum(sizes)[:-1], axis=1)
        for layer, code, num, part in zip(self.layers, self.codes, nums, parts):
            size = layer.num_filters * layer.filter_size // num
            generator = net((*code.widths, size), name=f"generator_{layer.name}")
            filters = generator(part.reshape(len(z), num, code.size), train)
            weights[layer.name] = unpack(layer, filters.reshape(len(z), layer.num_filters, layer.filter_size))
        return weights


class Perceptron(nn.Module):
    """Dense layers on the last axis; between them LeakyReLU, then batch normalisation. Fields as in `HyperNet`."""

    widths: Sequence[int]
    slope: float
    init_scale: float
    batch_norm: bool

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        kernel_init = nn.initializers.variance_scaling(self.init_scale, "fan_in", "truncated_normal")
        for i, width in enumerate(self.widths):
            x = nn.Dense(width, use_bias=not self.batch_norm, kernel_init=kernel_init)(x)
            if i == len(self.widths) - 1:
                break
            x = nn.leaky_relu(x, self.slope)
            if self.batch_norm:
                norm = nn.BatchNorm(momentum=DECAY, epsilon=1e-7, use_fast_variance=False)
                x = norm(x, use_running_average=not train)
        return x


def unpack(layer: Layer, filters: Array) -> PyTree:
    """Filters `[B, filters, filter_size]`, each with its bias last -> {"kernel", "bias"}."""
    num = len(filters)
    kernel = filters[..., : layer.filter_size - layer.bias].reshape(num, layer.num_filters, *layer.shape[:-1])
    leaves = {"kernel": jnp.moveaxis(kernel, 1, -1)}
    return leaves | {"bias": filters[..., -1]} if layer.bias else leaves
