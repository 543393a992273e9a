"""Common parts of methods with a generator and an encoder: joint distributions, alternating updates, uses of z.

    P(x, z) = N(z; 0, I) N(x; g(z), σ² I)
    Q(x, z) = data(x) q(z | x),   q(z | x) = N(mean(x), diag exp(log_variance(x)))

Entries of x may be missing: if a batch has a "mask", only observed entries count for p(x | z), and encoder and energy
get x with missing entries filled by g(z) (`fill`). Generated examples are complete.

Stateful layers keep their statistics in `extra["stats"]`, one entry per network. They are updated only in that
network's own update.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.estimators.interpolation import great_circle
from ebmjax.importance import WeightedMean, average_weights
from ebmjax.methods.base import Net, apply_gradients, create_state, likelihood_functions
from ebmjax.objectives import diagonal_log_prob, gaussian_log_prob, kl_to_normal, squared_error
from ebmjax.types import Array, Batch, Metrics, PyTree, State


class Model(NamedTuple):
    """The networks by their parameter groups, and their settings.

    nets: "generator" z -> x, "encoder" x -> (mean, log_variance), and perhaps "energy". sigma: of p(x | z), in units
    of x. fill_steps: passes of `fill`, each from the encoder's z of the previous one.
    """

    nets: dict[str, Net]
    latent_dim: int
    sigma: float
    fill_steps: int

    def apply(self, group: str, state: State, *inputs: Array) -> Any:
        """Outputs of a network with the running statistics of `state`: row i depends on row i alone."""
        return self.nets[group](state.params[group], state.extra["stats"][group], *inputs)[0]


class Pass:
    """The networks at given parameters in one evaluation of an objective; collects the updated statistics."""

    def __init__(self, model: Model, params: dict[str, PyTree], stats: dict[str, PyTree]):
        self.model, self.params, self.stats = model, params, dict(stats)

    def __call__(self, group: str, *inputs: Array) -> Any:
        """Outputs of the network of a group."""
        net = self.model.nets[group]
        outputs, self.stats[group] = net(self.params[group], self.stats[group], *inputs, train=True)
        return outputs


class Encoded(NamedTuple):
    """A batch under Q: z ~ q(z | x) `[B, d]`, q's parameters, and per row `[B]` the squared error and KL(q || p(z))."""

    z: Array
    mean: Array
    log_variance: Array
    error: Array
    kl: Array


KLWeight = float | Callable[[Array], Array]
"""Weight of the KL: a number, or a function of the step, as `optimizers.warmed_up` makes it."""


def kl_weight_at(weight: KLWeight, step: Array) -> Array | float:
    """The weight at a step."""
    return weight if isinstance(weight, int | float) else weight(step)


def make_model(nets: dict[str, Any], *, latent_dim: int, sigma: float, fill_steps: int) -> Model:
    """A `Model` of Flax modules. Raises ValueError for settings out of range."""
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma}, the standard deviation of the observation noise, must be > 0")
    if fill_steps < 1:
        raise ValueError(f"fill_steps = {fill_steps} must be at least 1")
    return Model({group: Net(module) for group, module in nets.items()}, latent_dim, sigma, fill_steps)


def init_state(model: Model, optimizers: Mapping, rng_key: Array, batch: Batch, *, joint: bool = False) -> State:
    """A state at step 0. joint: the energy takes (x, z). Raises ValueError if networks and batch do not fit."""
    x, z = batch["x"][:1], jnp.zeros((1, model.latent_dim))
    inputs = {"generator": (z,), "encoder": (x,), "energy": (x, z) if joint else (x,)}
    keys = jax.random.split(rng_key, len(model.nets) + 1)
    made = {group: net.init(key, *inputs[group]) for key, (group, net) in zip(keys[1:], model.nets.items())}
    params, stats = ({group: part[i] for group, part in made.items()} for i in (0, 1))
    state = create_state(keys[0], params, optimizers, {"stats": stats})
    shape = jax.eval_shape(lambda: decode(model, state, z)).shape[1:]
    if shape != x.shape[1:]:
        raise ValueError(f"the generator makes examples of shape {shape}, the data have {x.shape[1:]}")
    dim = jax.eval_shape(lambda: posterior(model, state, x)[0]).shape[1:]
    if dim != z.shape[1:]:
        raise ValueError(f"the encoder makes latents of shape {dim}, the generator takes {z.shape[1:]}")
    return state


def observed(model: Model, state: State, batch: Batch) -> tuple[Array, Array | None]:
    """(x, mask) of a batch, missing entries filled, whatever their values; mask is None if the batch has none."""
    mask = batch.get("mask")
    if mask is None:
        return batch["x"], None
    return jax.lax.stop_gradient(fill(model, state, batch["x"], mask)), mask


def fill(model: Model, state: State, x: Array, mask: Array) -> Array:
    """x where mask (bool, like x) is true, elsewhere g(mean of q(z | x)): `fill_steps` passes, starting from zeros."""
    filled = jnp.where(mask, x, 0.0)
    for _ in range(model.fill_steps):
        filled = jnp.where(mask, x, decode(model, state, posterior(model, state, filled)[0]))
    return filled


def encode_batch(nets: Pass, x: Array, mask: Array | None, noise: Array) -> Encoded:
    """The batch under Q, z reparameterised by noise `[B, d]` of N(0, I)."""
    mean, log_variance = nets("encoder", x)
    z = mean + jnp.exp(0.5 * log_variance) * noise
    decoded = nets("generator", z)
    error = squared_error(x, decoded) if mask is None else squared_error(x, jnp.where(mask, decoded, x))
    return Encoded(z, mean, log_variance, error, kl_to_normal(mean, log_variance))


def encoded_metrics(encoded: Encoded, x: Array, mask: Array | None) -> Metrics:
    """reconstruction_mse per observed entry, kl in nats, latent_spread over the batch."""
    num = jnp.float32(x.size) if mask is None else jnp.sum(jnp.broadcast_to(mask, x.shape))
    return {
        "reconstruction_mse": jnp.sum(encoded.error) / num,
        "kl": jnp.mean(encoded.kl),
        "latent_spread": pytree.spread(encoded.z),
    }


def take_turns(
    model: Model, objective: Callable, groups: Sequence[str], optimizers: Mapping, state: State
) -> tuple[State, Metrics]:
    """One update of each group in turn, with the newest parameters of the others; step + 1.

    objective: (Pass) -> (a scalar, metrics), which "energy" maximises and the others minimise. The metrics are those
    before the first update, and grad_norm_<group>.
    """
    metrics = {}
    for group in groups:
        sign = -1.0 if group == "energy" else 1.0

        def loss(params, group=group, sign=sign, state=state):
            nets = Pass(model, state.params | {group: params}, state.extra["stats"])
            value, found = objective(nets)
            return sign * value, (found, nets.stats[group])

        (_, (found, stats)), grad = jax.value_and_grad(loss, has_aux=True)(state.params[group])
        metrics = found | metrics | {f"grad_norm_{group}": pytree.global_norm(grad)}
        state = apply_gradients(state, optimizers, {group: grad})
        state = state._replace(extra=state.extra | {"stats": state.extra["stats"] | {group: stats}})
    return state._replace(step=state.step + 1), metrics


def posterior(model: Model, state: State, x: Array) -> tuple[Array, Array]:
    """(mean, log_variance) of q(z | x): `[B, ...]` -> `[B, d]` twice."""
    return model.apply("encoder", state, x)


def encode(model: Model, state: State, rng_key: Array, x: Array, mask: Array | None = None) -> Array:
    """The mean of q(z | x), no draw: `[B, ...]` -> `[B, d]`. mask: bool like x, of the entries that are observed."""
    return posterior(model, state, x if mask is None else fill(model, state, x, mask))[0]


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """z ~ N(0, I): `[num, d]`."""
    return jax.random.normal(rng_key, (num, model.latent_dim))


def decode(model: Model, state: State, z: Array) -> Array:
    """g(z), the mean of x given z: `[B, d]` -> `[B, ...]`."""
    return model.apply("generator", state, z)


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """g(z), z ~ N(0, I): `[num, ...]`."""
    return decode(model, state, sample_latent(model, state, rng_key, num))


def reconstruct(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """g(mean of q(z | x)): `[B, ...]` -> `[B, ...]`."""
    return decode(model, state, encode(model, state, rng_key, x))


def inpaint(model: Model, state: State, rng_key: Array, x: Array, mask: Array) -> Array:
    """x where mask (bool, like x) is true, elsewhere g(z) with z ~ q(z | x), x completed by `fill`: `[B, ...]`."""
    mean, log_variance = posterior(model, state, fill(model, state, x, mask))
    z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(rng_key, mean.shape)
    return jnp.where(mask, x, decode(model, state, z))


def interpolate(
    model: Model,
    state: State,
    z_start: Array,
    z_end: Array,
    num: int,
    path: Callable[[Array, Array, int], Array] = great_circle,
) -> Array:
    """Decoded points of paths between rows: `[B, d]` twice -> `[B, num, ...]`, ends included. path: great_circle or
    straight_line (ebmjax/estimators/interpolation.py)."""
    x = decode(model, state, path(z_start, z_end, num).reshape(-1, z_start.shape[1]))
    return x.reshape(-1, num, *x.shape[1:])


def log_likelihood_estimate(
    model: Model, state: State, rng_key: Array, x: Array, *, num_samples: int = 100
) -> WeightedMean:
    """log p(x) of P in nats by importance sampling with q(z | x) as proposal, a lower bound in expectation: `[B]`."""
    mean, log_variance = posterior(model, state, x)

    def log_weight(key):
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
        log_p = gaussian_log_prob(x, decode(model, state, z), model.sigma)
        return log_p + diagonal_log_prob(z, 0.0 * z, 0.0 * z) - diagonal_log_prob(z, mean, log_variance)

    return average_weights(jax.lax.map(log_weight, jax.random.split(rng_key, num_samples)))


def evaluate(model: Model, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{"reconstruction_mse": `[B]`} per entry of x, through the mean of q."""
    x = batch["x"]
    return {"reconstruction_mse": squared_error(reconstruct(model, state, rng_key, x), x) / x[0].size}


def common_functions(model: Model) -> dict[str, Callable]:
    """`Method.functions` that need only generator and encoder."""
    named = (posterior, encode, sample_latent, decode, reconstruct, inpaint, interpolate)
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    return functions | likelihood_functions(partial(log_likelihood_estimate, model))
