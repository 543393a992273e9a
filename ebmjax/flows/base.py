"""The type of normalising flows: pure functions of parameters, with latents that are N(0, I) at every level."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array, PyTree


class Flow(NamedTuple):
    """An invertible map between x[B, *shape] and a flat latent z[B, dim] with z ~ N(0, I), multi-scale or not.

    shape: of one example, (dim,) or (H, W, C).
    init: (rng_key, x[B, *shape]) -> params. Activation normalisation is initialised from this batch: pass a few hundred
        examples, dequantised if they are images, or draws of N(0, I) if there are no data (reverse KL).
    encode: (params, x) -> (z, log|det ∂z/∂x| `[B]`). decode: (params, z) -> (x, log|det ∂x/∂z| `[B]`). Rows are
        independent.

    With parameters bound, `bind(flow.energy, params)` is a `Potential`; `bind(flow.decode, params)` is an argument of
    `pullback` and `neural_transport(transport=...)`; `partial(flow.sample, params)` and
    `partial(flow.log_prob, params)` are the proposal of `independence_mh`.
    """

    shape: tuple[int, ...]
    init: Callable[[Array, Array], PyTree]
    encode: Callable[[PyTree, Array], tuple[Array, Array]]
    decode: Callable[[PyTree, Array], tuple[Array, Array]]

    @property
    def dim(self) -> int:
        """Number of latent coordinates, the product of `shape`."""
        return int(np.prod(self.shape))

    def log_prob(self, params: PyTree, x: Array) -> Array:
        """log q(x) = log N(z; 0, I) + log|det ∂z/∂x| in nats: `[B]`."""
        z, log_det = self.encode(params, x)
        return latent_log_prob(z) + log_det

    def energy(self, params: PyTree, x: Array) -> Array:
        """-log q(x), an `EnergyFn` with log Z = 0: `[B]`."""
        return -self.log_prob(params, x)

    def sample(self, params: PyTree, rng_key: Array, num: int, temperature: float | Array = 1.0) -> Array:
        """x[num, *shape] decoded from N(0, temperature² I); at 1 samples of q, below 1 closer to its centre."""
        return self.decode(params, temperature * jax.random.normal(rng_key, (num, self.dim)))[0]

    def sample_and_log_prob(self, params: PyTree, rng_key: Array, num: int) -> tuple[Array, Array]:
        """x ~ q and log q(x) `[num]` by one decoding; gradients to `params` pass through both."""
        z = jax.random.normal(rng_key, (num, self.dim))
        x, log_det = self.decode(params, z)
        return x, latent_log_prob(z) - log_det


def latent_log_prob(z: Array) -> Array:
    """log N(z; 0, I) of z[B, d] in nats: `[B]`."""
    return -0.5 * jnp.sum(z**2, axis=1) - 0.5 * z.shape[1] * float(np.log(2.0 * np.pi))
