"""Layers of flows, bijectors with parameters, and their composition.

A layer's `init` may depend on data; it gets them as the encoder does, after the layers nearer to x.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import distrax
import flax.linen as nn
import jax

from ebmjax.flows.base import Flow
from ebmjax.flows.bijectors import Rearrange, Repeated
from ebmjax.flows.conditioners import LOG_SCALE_FACTOR, standardise
from ebmjax.types import Array, PyTree


class Layer(NamedTuple):
    """init: (rng_key, x[B, ...]) -> params. bijector: params -> distrax.Bijector whose forward decodes, z -> x."""

    init: Callable[[Array, Array], PyTree]
    bijector: Callable[[PyTree], Any]


def as_flow(layer: Layer, shape: tuple[int, ...]) -> Flow:
    """The flow of a layer between x[B, *shape] and z[B, dim]. Raises ValueError for x of another shape."""

    def check(x):
        if x.shape[1:] != shape:
            raise ValueError(f"the flow was built for examples of shape {shape}, got {x.shape[1:]}")
        return x

    return Flow(
        shape,
        init=lambda rng_key, x: layer.init(rng_key, check(x)),
        encode=lambda params, x: layer.bijector(params).inverse_and_log_det(check(x)),
        decode=lambda params, z: layer.bijector(params).forward_and_log_det(z),
    )


def sequence(**layers: Layer) -> Layer:
    """Layers in the order in which they encode, the first nearest to x; params: {name: params of the layer}."""

    def init(rng_key, x):
        params, last = {}, list(layers)[-1]
        for (name, layer), key in zip(layers.items(), jax.random.split(rng_key, len(layers))):
            params[name] = layer.init(key, x)
            if name != last:  # the last layer's output is not needed
                x = layer.bijector(params[name]).inverse(x)
        return params

    return Layer(init, lambda params: distrax.Chain([layers[name].bijector(params[name]) for name in layers]))


def repeat(layer: Layer, num: int, event_ndims: int, *, remat: bool = False) -> Layer:
    """`num` ≥ 1 layers of the same form, each with its own parameters, as one scan; remat: see `Repeated`."""
    if num < 1:
        raise ValueError(f"a flow needs at least one layer, got {num}")

    def init(rng_key, x):
        def one(x, key):
            params = layer.init(key, x)
            return layer.bijector(params).inverse(x), params

        return jax.lax.scan(one, x, jax.random.split(rng_key, num))[1]

    return Layer(init, lambda stacked: Repeated(layer.bijector, stacked, event_ndims, remat))


def without_params(bijector: distrax.Bijector) -> Layer:
    """A fixed bijector as a layer."""
    return Layer(lambda rng_key, x: {}, lambda params: bijector)


def reverse() -> Layer:
    """The coordinates of a vector in the opposite order."""
    flip = lambda x: x[..., ::-1]
    return without_params(Rearrange(flip, flip, 1, 1))


def actnorm(event_ndims: int) -> Layer:
    """Activation normalisation, encoding z = (x + shift) · exp(3 log_scale) per channel, or coordinate of a vector.

    Initialised so that the first batch has mean 0 and standard deviation 1.

    Reference: Kingma & Dhariwal 2018 (arXiv 1807.03039), section 3.1.
    """

    def bijector(params):
        log_scale = -LOG_SCALE_FACTOR * params["log_scale"]
        return distrax.Block(distrax.ScalarAffine(-params["shift"], log_scale=log_scale), event_ndims)

    return Layer(lambda rng_key, x: standardise(x), bijector)


def coupling(conditioner: nn.Module, inner: Callable[[Array], Any], split_index: int, event_ndims: int) -> Layer:
    """The first `split_index` channels are unchanged and parameterise a bijector of the others.

    conditioner: Flax module, first channels -> argument of `inner`. inner: -> scalar bijector of the other channels.

    Reference: Dinh et al. 2017 (arXiv 1605.08803), section 3.2.
    """

    def init(rng_key, x):
        return conditioner.init(rng_key, x[..., :split_index])["params"]

    def bijector(params):
        apply = partial(conditioner.apply, {"params": params})
        return distrax.SplitCoupling(split_index, event_ndims, apply, inner)

    return Layer(init, bijector)
