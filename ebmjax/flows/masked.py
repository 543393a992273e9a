"""Autoregressive affine flows of vectors: IAF (one pass from z to x) and MAF (one pass from x to z)."""

from collections.abc import Sequence

import distrax
import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.flows.base import Flow
from ebmjax.flows.bijectors import Autoregressive
from ebmjax.flows.conditioners import MADE
from ebmjax.flows.layers import Layer, as_flow, repeat, reverse, sequence

SCALES = {
    "exp": lambda raw: raw,
    "softplus": lambda raw: jnp.log(jax.nn.softplus(raw + float(np.log(np.e - 1.0)))),
}
"""name -> log of the scale as a function of the network's output, 0 at 0. softplus scales grow only linearly."""


def autoregressive(
    dim: int,
    *,
    direction: str = "inverse",
    num_layers: int = 1,
    hidden: Sequence[int] = (32, 32),
    scale: str = "exp",
    activation: str = "elu",
) -> Flow:
    """Affine autoregressive layers with reversals of the coordinates between them, starting at the identity.

    Args:
        dim: ≥ 1. num_layers: ≥ 1.
        direction: "inverse" (IAF): x_i = shift_i(z_<i) + scale_i(z_<i) z_i, fast to sample; log q of given points takes
            `dim` passes. "masked" (MAF): z_i = shift_i(x_<i) + scale_i(x_<i) x_i, fast log q, slow samples.
        hidden: widths of the masked network (NeuTra: two layers as wide as dim). activation: of `nets`.
        scale: "exp" or "softplus" of the network's output.

    One layer with "exp" represents a funnel exactly.

    Reference: Kingma et al. 2016 (arXiv 1606.04934); Papamakarios et al. 2017 (arXiv 1705.07057); Hoffman et al. 2019
    (arXiv 1903.03704) for the identity start.
    """
    if direction not in ("inverse", "masked"):
        raise ValueError(f"direction must be 'inverse' (IAF) or 'masked' (MAF), got {direction!r}")
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    made = MADE(dim, tuple(hidden), activation)

    def bijector(params):
        def network(x):
            shift, raw = made.apply({"params": params}, x)
            return shift, SCALES[scale](raw)

        stage = Autoregressive(network)
        return stage if direction == "inverse" else distrax.Inverse(stage)

    stage = Layer(lambda rng_key, x: made.init(rng_key, x)["params"], bijector)
    stages = repeat(sequence(stage=stage, reverse=reverse()), num_layers, event_ndims=1)
    # The last reversal undoes that of the last stage, so that with one layer z_i corresponds to x_i.
    return as_flow(sequence(stages=stages, reverse=reverse()), (dim,))
