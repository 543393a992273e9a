"""Flows by name, for examples of any shape."""

import inspect
from collections.abc import Callable, Mapping

import numpy as np

from ebmjax.flows.affine import diagonal_affine, triangular_affine
from ebmjax.flows.base import Flow
from ebmjax.flows.coupling import additive_coupling, affine_coupling, spline_coupling
from ebmjax.flows.image import glow
from ebmjax.flows.masked import autoregressive
from ebmjax.flows.tractable import FlowEnergy, nice

__all__ = ["FLOWS", "FlowEnergy", "make_flow", "of_shape"]

FLOWS: Mapping[str, Callable[..., Flow]] = {
    "additive_coupling": additive_coupling,
    "affine_coupling": affine_coupling,
    "autoregressive": autoregressive,
    "diagonal_affine": diagonal_affine,
    "glow": glow,
    "nice": nice,
    "spline_coupling": spline_coupling,
    "triangular_affine": triangular_affine,
}
"""name -> constructor; its first argument is the shape of an image for `glow`, else the length of a vector."""


def make_flow(name: str, shape: tuple[int, ...], **options) -> Flow:
    """The flow `name` of `FLOWS` between x[B, *shape] and z[B, dim]; flows of vectors flatten images.

    Raises ValueError for an unknown name, for options that the flow does not have, and for invalid values.
    """
    if name not in FLOWS:
        raise ValueError(f"unknown flow {name!r}; known: {', '.join(FLOWS)}")
    known = list(inspect.signature(FLOWS[name]).parameters)[1:]
    if not set(options) <= set(known):
        raise ValueError(
            f"the flow {name} has no option {', '.join(sorted(set(options) - set(known)))}; it has {known}"
        )
    if FLOWS[name] is glow:
        if len(shape) != 3:
            raise ValueError(f"glow needs images (H, W, C), the examples have shape {shape}; choose another flow")
        return glow(shape, **options)
    flow = FLOWS[name](int(np.prod(shape)), **options)
    return flow if len(shape) == 1 else of_shape(flow, shape)


def of_shape(flow: Flow, shape: tuple[int, ...]) -> Flow:
    """A flow of vectors as one of examples of `shape`, row by row."""
    flat = lambda x: x.reshape(x.shape[0], -1)

    def decode(params, z):
        x, log_det = flow.decode(params, z)
        return x.reshape(-1, *shape), log_det

    init = lambda rng_key, x: flow.init(rng_key, flat(x))
    return Flow(tuple(shape), init, lambda params, x: flow.encode(params, flat(x)), decode)
