"""NICE with conditioners of any depth and without normalisation, and flows as energies with log Z = 0."""

from collections.abc import Sequence

import distrax
import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from ebmjax.flows.base import Flow
from ebmjax.flows.bijectors import Rearrange
from ebmjax.flows.layers import Layer, as_flow, coupling, repeat, reverse, sequence, without_params
from ebmjax.nets import MLP
from ebmjax.types import Array


def nice(
    dim: int,
    *,
    num_layers: int = 4,
    widths: Sequence[int] = (1000, 1000, 1000, 1000),
    activation: str = "softplus",
    init_name: str = "torch",
) -> Flow:
    """x_2 = z_2 + shift(x_1), alternating halves, and a learned scale of every latent coordinate.

    Even coordinates form one half and odd ones the other, so that the halves of an image are interleaved. Volumes
    change only by the scales: log|det ∂z/∂x| = Σ log_scale, the same everywhere. Unlike `additive_coupling` its
    initialisation does not depend on data, so that it can be learned as an energy.

    Args:
        dim: ≥ 2. num_layers: ≥ 1 couplings. widths: of the hidden layers of each conditioner. activation, init_name:
            of `nets.MLP`. The defaults are those of Grathwohl, Kelly et al. 2021's code: 15,154,352 parameters for 784
            pixels.

    Reference: Dinh et al. 2015 (arXiv 1410.8516).
    """
    if dim < 2:
        raise ValueError(f"a coupling needs at least 2 coordinates, got dim = {dim}; use diagonal_affine")
    passing = dim // 2
    net = MLP((*widths, dim - passing), activation, init_name)
    layer = sequence(coupling=coupling(net, distrax.ScalarAffine, passing, 1), reverse=reverse())
    order = np.concatenate([np.arange(0, dim, 2), np.arange(1, dim, 2)])
    # Forward decodes: it restores the order of the coordinates.
    back = np.argsort(order)
    permutation = Rearrange(lambda z: z[..., back], lambda x: x[..., order], 1, 1)
    couplings = repeat(layer, num_layers, event_ndims=1)
    return as_flow(sequence(permute=without_params(permutation), couplings=couplings, scale=scale(dim)), (dim,))


def scale(dim: int) -> Layer:
    """Encoding z = x · exp(log_scale) per coordinate; log_scale starts at 0."""
    bijector = lambda params: distrax.Block(distrax.ScalarAffine(0.0, log_scale=-params["log_scale"]), 1)
    return Layer(lambda rng_key, x: {"log_scale": jnp.zeros(dim)}, bijector)


class FlowEnergy(nn.Module):
    """-log q(x) of a flow as a Flax module, an energy of x with log Z = 0: `[B, ...]` -> `[B]`.

    flow: for the shape of the examples (`flows.make_flow`).
    """

    flow: Flow

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """The parameters are those of the flow; activation normalisation is initialised from the x of `init`."""
        return self.flow.energy(self.param("flow", lambda rng_key: self.flow.init(rng_key, x)), x)
