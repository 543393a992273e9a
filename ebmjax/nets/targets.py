"""Classifiers whose weights are an argument, so that they can be generated, interpolated or trained.

The weights of one network are {layer: {"kernel": [..., inputs, filters], "bias": [filters]}}. Weights of several
networks have a leading axis; map `apply` over it with `jax.vmap`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.nets.conv import conv
from ebmjax.nets.energy import max_pool
from ebmjax.types import Array, PyTree


class Layer(NamedTuple):
    """Shape of a layer of filters. A fully connected layer's filters are its units.

    shape: of the kernel, (inputs, filters) or (height, width, inputs, filters). bias: whether there is one per filter.
    normalised: whether the network normalises each filter's output, so that a filter's length has no effect; otherwise
    ReLU follows, then the next layer of the tuple. The last layer's outputs are logits.
    """

    name: str
    shape: tuple[int, ...]
    bias: bool = True
    normalised: bool = False

    @property
    def num_filters(self) -> int:
        """Filters of the layer."""
        return self.shape[-1]

    @property
    def filter_size(self) -> int:
        """Weights of one filter, its bias included."""
        return int(np.prod(self.shape[:-1])) + self.bias


class Target(NamedTuple):
    """layers: from input to output. apply: (weights of one network, x[N, ...]) -> logits[N, num_classes]."""

    layers: tuple[Layer, ...]
    apply: Callable[[PyTree, Array], Array]

    @property
    def num_weights(self) -> int:
        """Weights of one network, biases included."""
        return sum(layer.num_filters * layer.filter_size for layer in self.layers)

    def init(self, rng_key: Array) -> PyTree:
        """Initial weights to train one network from: He-normal kernels, zero biases."""
        normal, weights = nn.initializers.he_normal(), {}
        for layer, key in zip(self.layers, jax.random.split(rng_key, len(self.layers)), strict=True):
            matrix = normal(key, (int(np.prod(layer.shape[:-1])), layer.num_filters))
            weights[layer.name] = {"kernel": matrix.reshape(layer.shape)}
            if layer.bias:
                weights[layer.name]["bias"] = jnp.zeros(layer.num_filters)
        return weights


def mlp_target(shape: Sequence[int], num_classes: int, *, widths: Sequence[int]) -> Target:
    """Perceptron with ReLU and hidden layers of `widths`; examples are flattened."""
    sizes = (int(np.prod(shape)), *widths, num_classes)
    layers = tuple(Layer(f"dense{i}", sizes[i : i + 2]) for i in range(len(sizes) - 1))

    def apply(weights, x):
        x = x.reshape(len(x), -1)
        for layer in layers[:-1]:
            x = nn.relu(_dense(weights[layer.name], x))
        return _dense(weights[layers[-1].name], x)

    return Target(layers, apply)


def conv_target(shape: Sequence[int], num_classes: int, *, widths: Sequence[int], form: str = "auto") -> Target:
    """Two 5 x 5 convolutions with ReLU and 2 x 2 max-pooling, one hidden fully connected layer, logits.

    widths: their three numbers of filters; (32, 16, 8) for 28 x 28 x 1 is the published net of 20,018 weights. shape:
    of images whose sides are multiples of 4, else ValueError. form: see `nets.conv`.

    Reference: Deutsch 2018 (arXiv 1801.01952), the target network of its MNIST experiments.
    """
    if len(shape) != 3 or shape[0] % 4 or shape[1] % 4:
        raise ValueError(f"the conv target halves images twice: it needs sides that are multiples of 4, got {shape}")
    height, width, channels = shape
    first, second, hidden = widths
    layers = (
        Layer("conv1", (5, 5, channels, first)),
        Layer("conv2", (5, 5, first, second)),
        Layer("dense1", (height // 4, width // 4, second, hidden)),
        Layer("dense2", (hidden, num_classes)),
    )

    def apply(weights, x):
        for name in ("conv1", "conv2"):
            # Pooling first: the maximum commutes with the bias and ReLU, and leaves them a quarter of the work.
            pooled = max_pool(conv(x, weights[name]["kernel"], padding=2, form=form))
            x = nn.relu(pooled + weights[name]["bias"])
        x = nn.relu(_dense(weights["dense1"], x.reshape(len(x), -1)))
        return _dense(weights["dense2"], x)

    return Target(layers, apply)


def resnet_target(
    shape: Sequence[int], num_classes: int, *, width: int = 16, num_blocks: int = 5, form: str = "auto"
) -> Target:
    """Residual network of three scales of `num_blocks` blocks of two 3 x 3 convolutions; ResNet-32 with five.

    Filters: width, 2 width, 4 width. Only the last layer has biases. Each channel of each image is normalised over its
    own pixels, without learned scale and offset: every image may have its own network, so there is no batch to take
    statistics of. The stem divides the sides by 4, as in the authors' code; they must be multiples of 16, else
    ValueError. For 32 x 32 x 3, width 16 and 10 classes: 464,442 weights. The authors count 466,906, which includes
    2,464 of normalisation that their hypernetwork does not generate.

    Reference: Deutsch, Nijkamp & Yang 2019 (arXiv 1905.02898), its official code.
    """
    if len(shape) != 3 or shape[0] % 16 or shape[1] % 16:
        raise ValueError(f"the resnet target needs images whose sides are multiples of 16, got {tuple(shape)}")
    layers = [Layer("stem", (3, 3, shape[2], width), False, True)]
    blocks = []  # (name, stride) of each
    for scale, features in enumerate((width, 2 * width, 4 * width)):
        for block in range(num_blocks):
            name, inputs = f"scale{scale}_block{block}", layers[-1].num_filters
            layers += [Layer(f"{name}_conv0", (3, 3, inputs, features), False, True)]
            if inputs != features:
                layers += [Layer(f"{name}_projection", (1, 1, inputs, features), False, True)]
            layers += [Layer(f"{name}_conv1", (3, 3, features, features), False, True)]
            blocks.append((name, 1 if inputs == features else 2))
    layers += [Layer("dense", (4 * width, num_classes))]

    def apply(weights, x):
        def normalised(name, x, stride):
            kernel = weights[name]["kernel"]
            return _normalise(conv(x, kernel, stride=stride, padding=kernel.shape[0] // 2, form=form))

        x = nn.relu(normalised("stem", x, 2))
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding="SAME")
        for name, stride in blocks:
            y = nn.relu(normalised(f"{name}_conv0", x, stride))
            shortcut = normalised(f"{name}_projection", x, stride) if stride > 1 else x
            x = nn.relu(normalised(f"{name}_conv1", y, 1) + shortcut)
        return _dense(weights["dense"], jnp.mean(x, axis=(1, 2)))

    return Target(tuple(layers), apply)


def unit(x: Array) -> Array:
    """Images from [-1, 1] to [0, 1]."""
    return (x + 1) / 2


def standardised(x: Array) -> Array:
    """Each image `[N, ...]` brought to mean 0 and variance 1 over all its entries; constant ones become 0.

    The standard deviation counts as 1 / √n at least, n the number of entries, as in TensorFlow's function of this name
    for images in 0 .. 255: in [-1, 1] that bound is 255 / 2 times lower.
    """
    axes = tuple(range(1, x.ndim))
    lowest = (2 / 255) ** 2 / np.prod(x.shape[1:])
    variance = jnp.maximum(jnp.var(x, axes, keepdims=True), lowest)
    return (x - jnp.mean(x, axes, keepdims=True)) * jax.lax.rsqrt(variance)


INPUTS = {"signed": lambda x: x, "unit": unit, "standardised": standardised}
"""What a classifier gets of examples x, images in [-1, 1], by name."""


def with_inputs(target: Target, inputs: Callable[[Array], Array]) -> Target:
    """The target whose classifiers get inputs(x) in place of x."""
    return target._replace(apply=lambda weights, x: target.apply(weights, inputs(x)))


TARGETS = {"mlp": mlp_target, "conv": conv_target, "resnet": resnet_target}
"""By name: (shape of an example, num_classes, **options) -> Target."""


def _dense(leaves: PyTree, x: Array) -> Array:
    kernel = leaves["kernel"]
    return x @ kernel.reshape(-1, kernel.shape[-1]) + leaves["bias"]


def _normalise(x: Array) -> Array:
    """x`[N, H, W, C]` with each channel of each image brought to mean 0 and variance 1 over its pixels."""
    mean, variance = jnp.mean(x, (1, 2), keepdims=True), jnp.var(x, (1, 2), keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5)
