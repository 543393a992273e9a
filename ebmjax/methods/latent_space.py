"""What the methods with a generator and latent vectors share: the model, its chains, and what is done with z.

    p(x, z) = p(z) N(x; g(z), σ² I),   p(z) = N(0, I) or exp(-E(z)) N(0, I) / Z

z is one vector `[B, d]`, or a pytree of them, one per layer. A chain of the posterior samples p(z | x).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.energies import bind, gaussian_nll, posterior, standard_normal, tilt
from ebmjax.evaluation.interpolation import great_circle
from ebmjax.evaluation.likelihood import log_normalizer, short_run_log_likelihood
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import pure
from ebmjax.objectives import gaussian_log_prob, squared_error
from ebmjax.types import Array, Batch, Chain, EnergyFn, Info, Metrics, Potential, PyTree, State


class Model(NamedTuple):
    """The model's functions of (params, z), its noise, and the chains that sample it.

    decode_fn: g. sigma: > 0, in units of x. latent_dim: d, or a pytree of them. posterior_chain: from fresh noise to z
    given x; refine_chain: what `encode` runs after it. energy_fn: E, and prior_chain that samples p(z): both None
    where that is N(0, I).
    """

    decode_fn: EnergyFn
    sigma: float
    latent_dim: PyTree
    posterior_chain: Chain
    refine_chain: Chain | None = None
    energy_fn: EnergyFn | None = None
    prior_chain: Chain | None = None

    def prior(self, params: PyTree) -> Potential:
        """U(z) = E(z) + ||z||² / 2, the energy of p(z)."""
        if self.energy_fn is None:
            return standard_normal
        return tilt(standard_normal, bind(self.energy_fn, params["energy"]))

    def posterior(self, params: PyTree, x: Array, mask: Array | None = None) -> Potential:
        """U(z) + ||x - g(z)||² / (2σ²), the energy of p(z | x); with a mask, over the entries where it is true."""
        decode = bind(self.decode_fn, params["generator"])
        if mask is None:
            return posterior(self.prior(params), gaussian_nll(decode, x, self.sigma))
        seen = jnp.where(mask, x, 0.0)
        return posterior(self.prior(params), gaussian_nll(lambda z: jnp.where(mask, decode(z), 0.0), seen, self.sigma))

    def log_joint(self, params: PyTree, x: Array, z: PyTree) -> Array:
        """log p(x, z) + log Z in nats, `[B]`."""
        dim = sum(jax.tree.leaves(self.latent_dim))
        log_p_z = -self.prior(params)(z) - 0.5 * dim * jnp.log(2 * jnp.pi)
        return gaussian_log_prob(x, self.decode_fn(params["generator"], z), self.sigma) + log_p_z

    def zeros(self) -> PyTree:
        """One z, of zeros: `[1, d]` a layer."""
        return jax.tree.map(lambda dim: jnp.zeros((1, dim)), self.latent_dim)

    def fresh(self, rng_key: Array, num: int) -> PyTree:
        """z ~ N(0, I), `[num, d]` a layer."""
        dims, treedef = jax.tree.flatten(self.latent_dim)
        keys = [rng_key] if len(dims) == 1 else jax.random.split(rng_key, len(dims))
        return treedef.unflatten([jax.random.normal(k, (num, d)) for k, d in zip(keys, dims, strict=True)])

    def run(self, chain: Chain, potential: Potential, rng_key: Array, num: int) -> tuple[PyTree, Info]:
        """Ends z of `num` chains from fresh noise, never warm-started."""
        start_key, chain_key = jax.random.split(rng_key)
        state, info, _ = sample_chain(chain, potential, chain_key, self.fresh(start_key, num))
        return state.position, info


def make_model(generator, *, sigma: float, latent_dim: PyTree, posterior_chain: Chain, **options) -> Model:
    """A `Model` of a Flax module z -> x. Raises ValueError if sigma is not > 0."""
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma}, the standard deviation of the observation noise, must be > 0")
    return Model(pure(generator), sigma, latent_dim, posterior_chain, **options)


def init_generator(model: Model, generator, rng_key: Array, x: Array) -> PyTree:
    """Parameters of the generator. Raises ValueError if its examples have another shape than x `[B, ...]`."""
    z = model.zeros()
    params = generator.init(rng_key, z)["params"]
    shape = jax.eval_shape(model.decode_fn, params, z).shape[1:]
    if shape != x.shape[1:]:
        raise ValueError(f"the generator makes examples of shape {shape}, the data has {x.shape[1:]}")
    return params


def generator_gradient(model: Model, params: PyTree, z: PyTree, x: Array) -> tuple[Array, PyTree]:
    """(mean squared error per entry of x, gradient of the mean over examples of ||x - g(z)||²), z held fixed.

    At posterior samples that is the gradient of -2σ² log p(x): the papers' code drops the factor, which Adam's scaling
    absorbs.
    """
    error = lambda p: jnp.mean(squared_error(model.decode_fn(p, z), x))
    loss, grad = jax.value_and_grad(error)(params["generator"])
    return loss / x[0].size, grad


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> PyTree:
    """z ~ p(z), `[num, d]`, by the short-run prior chain; exact draws where the prior is N(0, I)."""
    if model.prior_chain is None:
        return model.fresh(rng_key, num)
    return model.run(model.prior_chain, model.prior(state.params), rng_key, num)[0]


def decode(model: Model, state: State, z: PyTree) -> Array:
    """g(z), the mean of x given z: `[B, d]` -> `[B, ...]`."""
    return model.decode_fn(state.params["generator"], z)


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """g(z) with z from `sample_latent`: `[num, ...]`."""
    return decode(model, state, sample_latent(model, state, rng_key, num))


def encode(model: Model, state: State, rng_key: Array, x: Array, mask: Array | None = None) -> PyTree:
    """One sample z of the short-run posterior, then `refine_chain` if there is one: `[B, ...]` -> `[B, d]`.

    mask: bool like x, true for the entries that are observed.
    """
    potential = model.posterior(state.params, x, mask)
    run_key, refine_key = jax.random.split(rng_key)
    z, _ = model.run(model.posterior_chain, potential, run_key, len(x))
    return z if model.refine_chain is None else sample_chain(model.refine_chain, potential, refine_key, z)[0].position


def reconstruct(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """g(z) with z from `encode`: `[B, ...]` -> `[B, ...]`."""
    return decode(model, state, encode(model, state, rng_key, x))


def inpaint(model: Model, state: State, rng_key: Array, x: Array, mask: Array) -> Array:
    """x where mask (bool, like x) is true, elsewhere g(z) with z from those entries alone: `[B, ...]`."""
    return jnp.where(mask, x, decode(model, state, encode(model, state, rng_key, x, mask)))


def interpolate(model: Model, state: State, z_start: PyTree, z_end: PyTree, num: int) -> Array:
    """Decoded points on great circles between rows: `[B, d]` twice -> `[B, num, ...]`, ends included."""
    z = jax.tree.map(lambda a, b: great_circle(a, b, num).reshape(-1, a.shape[1]), z_start, z_end)
    x = decode(model, state, z)
    return x.reshape(-1, num, *x.shape[1:])


def log_likelihood(
    model: Model,
    state: State,
    rng_key: Array,
    x: Array,
    *,
    num_samples: int = 100,
    num_normalizer_samples: int = 10_000,
) -> Array:
    """Importance-sampled log p(x) in nats, `[B]`.

    The proposal is the short-run posterior with its noise held fixed, corrected by the Jacobian of z_0 -> z_K: in
    expectation that is a lower bound of log p(x) + log Z, tighter with more `num_samples`. log Z, estimated from
    N(0, I), is biased low in turn, by half its squared standard error (`evaluation.likelihood.log_normalizer`), so
    with an energy the difference is no bound: see that this error is small.
    """
    chain_key, normalizer_key = jax.random.split(rng_key)
    potential = model.posterior(state.params, x)
    row, unravel = pytree.ravel_rows(model.zeros())
    dim = row.size

    def transport(key, rows):
        end = sample_chain(model.posterior_chain, potential, key, unravel(rows))[0].position
        return pytree.ravel_rows(end)[0]

    log_joint = lambda rows: model.log_joint(state.params, x, unravel(rows))
    log_p = short_run_log_likelihood(chain_key, transport, log_joint, num_rows=len(x), dim=dim, num_samples=num_samples)
    if model.energy_fn is None:
        return log_p
    energy = bind(model.energy_fn, state.params["energy"])
    return log_p - log_normalizer(normalizer_key, energy, dim, num_normalizer_samples)[0]


def evaluate(model: Model, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{"reconstruction_mse": `[B]`, per entry of x}."""
    error = squared_error(reconstruct(model, state, rng_key, batch["x"]), batch["x"])
    return {"reconstruction_mse": error / batch["x"][0].size}


def common_functions(model: Model) -> dict[str, Callable]:
    """`Method.functions` that need nothing but the model; energy, U of the prior, where it is learned."""
    named = [decode, encode, reconstruct, inpaint, sample_latent, interpolate, log_likelihood]
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    if model.energy_fn is not None:
        functions["energy"] = lambda state, z: model.prior(state.params)(z)
    return functions
