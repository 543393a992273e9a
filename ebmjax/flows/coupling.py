"""Coupling flows of vectors: additive (NICE), affine (RealNVP) and rational-quadratic splines (neural spline flows).

Each layer is an activation normalisation, a reversal of the coordinates, and a coupling whose conditioner is an MLP
that starts at 0: on the standardised first batch the flow starts as the identity.
"""

from collections.abc import Callable
from typing import Any

import distrax
import jax.numpy as jnp

from ebmjax.flows.base import Flow
from ebmjax.flows.conditioners import VectorConditioner
from ebmjax.flows.layers import actnorm, as_flow, coupling, repeat, reverse, sequence
from ebmjax.types import Array


def coupling_flow(
    dim: int, num_layers: int, width: int, outputs: int, inner: Callable[[Array], Any], activation: str
) -> Flow:
    """The flow of `num_layers` couplings; `inner` makes a bijector of one coordinate from `outputs` numbers."""
    if dim < 2:
        raise ValueError(f"a coupling needs at least 2 coordinates, got dim = {dim}; use diagonal_affine")
    passing = dim // 2
    conditioner = VectorConditioner(width, dim - passing, outputs, activation)
    layer = sequence(actnorm=actnorm(1), reverse=reverse(), coupling=coupling(conditioner, inner, passing, 1))
    return as_flow(repeat(layer, num_layers, event_ndims=1), (dim,))


def affine_coupling(
    dim: int, *, num_layers: int = 8, width: int = 64, max_log_scale: float = 3.0, activation: str = "silu"
) -> Flow:
    """RealNVP of vectors: x_2 = shift(x_1) + exp(s(x_1)) z_2, with s = m tanh(. / m) in ± m = `max_log_scale`.

    Args:
        dim: ≥ 2. num_layers: ≥ 1. width: of the two hidden layers of each conditioner. activation: of `nets`.

    Reference: Dinh et al. 2017 (arXiv 1605.08803).
    """

    def inner(raw):
        log_scale = max_log_scale * jnp.tanh(raw[..., 1] / max_log_scale)
        return distrax.ScalarAffine(raw[..., 0], log_scale=log_scale)

    return coupling_flow(dim, num_layers, width, 2, inner, activation)


def additive_coupling(dim: int, *, num_layers: int = 8, width: int = 64, activation: str = "silu") -> Flow:
    """NICE: x_2 = z_2 + shift(x_1); volumes change only in the activation normalisation.

    Args:
        dim: ≥ 2. num_layers: ≥ 1. width: of the two hidden layers of each conditioner. activation: of `nets`.

    Reference: Dinh et al. 2015 (arXiv 1410.8516).
    """
    inner = lambda raw: distrax.ScalarAffine(raw[..., 0])
    return coupling_flow(dim, num_layers, width, 1, inner, activation)


def spline_coupling(
    dim: int,
    *,
    num_layers: int = 6,
    width: int = 64,
    num_bins: int = 8,
    bound: float = 4.0,
    activation: str = "silu",
) -> Flow:
    """Neural spline flow: monotone rational-quadratic splines on [-bound, bound], the identity outside.

    Args:
        dim: ≥ 2. num_layers, num_bins: ≥ 1. width: of the two hidden layers of each conditioner. activation: of `nets`.
        bound: > 0, in standard deviations of the first batch (the activation normalisation comes before the spline).

    Reference: Durkan et al. 2019 (arXiv 1906.04032).
    """
    if num_bins < 1 or bound <= 0:
        raise ValueError(f"a spline needs num_bins ≥ 1 and bound > 0, got {num_bins} and {bound}")

    def inner(raw):
        # Inverted, so that encoding, which maximum likelihood needs, is the direction without a square root.
        return distrax.Inverse(distrax.RationalQuadraticSpline(raw, -bound, bound, boundary_slopes="identity"))

    return coupling_flow(dim, num_layers, width, 3 * num_bins + 1, inner, activation)
