"""Affine flows: Gaussians with diagonal or full covariance, the baselines of learned transports."""

import distrax
import jax
import jax.numpy as jnp

from ebmjax.flows.base import Flow
from ebmjax.flows.layers import Layer, as_flow


def diagonal_affine(dim: int) -> Flow:
    """x = shift + exp(log_scale) z, starting at the identity: q = N(shift, diag(exp(2 log_scale)))."""
    init = lambda rng_key, x: {"shift": jnp.zeros(dim), "log_scale": jnp.zeros(dim)}
    bijector = lambda p: distrax.Block(distrax.ScalarAffine(p["shift"], log_scale=p["log_scale"]), 1)
    return as_flow(Layer(init, bijector), (dim,))


def triangular_affine(dim: int) -> Flow:
    """x = shift + L z with L lower triangular, diagonal exp(log_scale), starting at the identity: q = N(shift, L Lᵀ).

    params: shift `[dim]`, log_scale `[dim]`, lower `[dim, dim]`, of which only the part below the diagonal is used.
    """
    init = lambda rng_key, x: {
        "shift": jnp.zeros(dim),
        "log_scale": jnp.zeros(dim),
        "lower": jnp.zeros((dim, dim)),
    }

    def bijector(params):
        matrix = jnp.tril(params["lower"], -1) + jnp.diag(jnp.exp(params["log_scale"]))
        return distrax.Chain([distrax.Block(distrax.Shift(params["shift"]), 1), distrax.TriangularLinear(matrix)])

    flow = as_flow(Layer(init, bijector), (dim,))

    def precisely(fn):
        """fn at full matrix precision: accelerators' default would not match the exact triangular solve."""

        def wrapped(params, x):
            with jax.default_matmul_precision("highest"):
                return fn(params, x)

        return wrapped

    return flow._replace(encode=precisely(flow.encode), decode=precisely(flow.decode))
