"""Maximum likelihood of a normalising flow: the baseline and the first stage of methods built on a flow.

    maximise  E[log q(x)],   log q(x) = log N(z; 0, I) + log|det ∂z/∂x|,   z = encode(x)

Images are dequantised with fresh uniform noise at every use, so that log q bounds the log-probability of the image
from below (ebmjax/flows/dequantize.py).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.flows import Flow, bin_width, bits_per_dim, dequantize
from ebmjax.methods.base import apply_gradients, create_state, step_key
from ebmjax.types import Array, Batch, Method, Metrics, State


class Model(NamedTuple):
    """A flow, and the number of grey levels of its images; None for tables."""

    flow: Flow
    num_levels: int | None

    def continuous(self, rng_key: Array, x: Array) -> Array:
        """Images with uniform noise over their grey levels; tables as they are."""
        return x if self.num_levels is None else dequantize(rng_key, x, self.num_levels)

    def figures(self, log_q: Array) -> Metrics:
        """log_likelihood in nats, for images also in bits/dim; in the shape of `log_q`."""
        figures = {"log_likelihood": log_q}
        if self.num_levels is not None:
            figures["bits_per_dim"] = bits_per_dim(log_q, self.flow.dim, bin_width(self.num_levels))
        return figures


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """One update of the flow on the dequantised batch."""
    x = model.continuous(step_key(state), batch["x"])
    loss = lambda params: -jnp.mean(model.flow.log_prob(params, x))
    value, grad = jax.value_and_grad(loss)(state.params["flow"])
    state = apply_gradients(state, optimizers, {"flow": grad})
    metrics = model.figures(-value) | {"grad_norm_flow": pytree.global_norm(grad)}
    return state._replace(step=state.step + 1), metrics


def energy(model: Model, state: State, x: Array) -> Array:
    """-log q at points x of the continuous space, with log Z = 0: `[B, ...]` -> `[B]`."""
    return model.flow.energy(state.params["flow"], x)


def log_likelihood(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """log q of the dequantised examples in nats, a density on their own scale: `[B, ...]` -> `[B]`."""
    return model.flow.log_prob(state.params["flow"], model.continuous(rng_key, x))


def encode(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """Latents of the dequantised examples, N(0, I) if the flow is exact: `[B, ...]` -> `[B, dim]`."""
    return model.flow.encode(state.params["flow"], model.continuous(rng_key, x))[0]


def decode(model: Model, state: State, z: Array) -> Array:
    """x = g(z): `[B, dim]` -> `[B, ...]`."""
    return model.flow.decode(state.params["flow"], z)[0]


def sample(model: Model, state: State, rng_key: Array, num: int, temperature: float | Array = 1.0) -> Array:
    """x[num, ...] decoded from N(0, temperature² I)."""
    return model.flow.sample(state.params["flow"], rng_key, num, temperature)


def flow_mle(
    flow: Flow, *, optimizers: Mapping[str, optax.GradientTransformation], num_levels: int | None = None
) -> Method:
    """Build the method.

    Args:
        flow: of `ebmjax.flows`. Its activation normalisation is initialised from the first batch.
        optimizers: {"flow": ...}.
        num_levels: grey levels of images in [-1, 1] (256 for 8 bits), ≥ 2; None for tables, which are continuous.

    Parameter group: "flow". functions: energy, log_likelihood, encode, decode, and sample, which has a temperature.
    `evaluate` gives log_likelihood `[B]` in nats, and bits_per_dim for images. Raises ValueError for num_levels below
    2, and `init` if the flow's examples have another shape.
    """
    model = Model(flow, num_levels)
    if num_levels is not None:
        bin_width(num_levels)  # raises ValueError below 2

    def init(rng_key, batch):
        keys = jax.random.split(rng_key, 3)
        return create_state(keys[2], {"flow": flow.init(keys[0], model.continuous(keys[1], batch["x"]))}, optimizers)

    def evaluate(state, rng_key, batch):
        return model.figures(log_likelihood(model, state, rng_key, batch["x"]))

    named = [energy, log_likelihood, encode, decode, sample]
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    return Method(init, partial(train_step, model, optimizers), partial(sample, model), evaluate, functions)
