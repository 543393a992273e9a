"""Normalising flows: invertible maps between data and N(0, I), with exact densities.

Constructors load on first use: they need distrax, which takes a second to import, while methods need only `Flow`.
"""

import importlib

from ebmjax.flows.base import Flow, latent_log_prob
from ebmjax.flows.dequantize import bin_width, bits_per_dim, dequantize, dequantize_logits, from_logits, quantize

_IN_CATALOG = (
    "FLOWS",
    "FlowEnergy",
    "additive_coupling",
    "affine_coupling",
    "autoregressive",
    "diagonal_affine",
    "glow",
    "make_flow",
    "nice",
    "spline_coupling",
    "triangular_affine",
)

__all__ = [
    "Flow",
    "bin_width",
    "bits_per_dim",
    "dequantize",
    "dequantize_logits",
    "from_logits",
    "latent_log_prob",
    "quantize",
    *_IN_CATALOG,
]


def __getattr__(name: str):
    if name in _IN_CATALOG:
        return getattr(importlib.import_module("ebmjax.flows.catalog"), name)
    raise AttributeError(f"module 'ebmjax.flows' has no attribute {name!r}")
