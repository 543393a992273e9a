"""Common parts of methods with a generator and latent vectors: the model, its chains, and uses of z.

    p(x, z) = p(z) p(x | z),   p(z) = N(0, I) or exp(-E(z)) N(0, I) / Z
    p(x | z) = N(x; g(z), σ² I), or for sentences Π_t p(x_t | x_<t, z) or Π_t p(x_t | z)

z is one vector `[B, d]`, or a pytree of them, one per layer. The posterior chain samples p(z | x).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.energies import bind, posterior, standard_normal, tilt
from ebmjax.estimators.decoding import sample_tokens
from ebmjax.estimators.interpolation import great_circle
from ebmjax.estimators.likelihood import log_normalizer, short_run_log_likelihood
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import pure
from ebmjax.objectives.observation import BagObservation, GaussianObservation, TokenObservation
from ebmjax.types import Array, Batch, Chain, EnergyFn, Info, Metrics, Potential, PyTree, State

Observation = GaussianObservation | TokenObservation | BagObservation


class Model(NamedTuple):
    """The model's functions of (params, z), and the chains that sample z.

    observation: p(x | z). latent_dim: d, or a pytree of them. posterior_chain: from fresh noise to z given x, None if a
    network infers z; refine_chain: run after it by `encode`. energy_fn: E, and prior_chain, which samples p(z): both
    are None if p(z) is N(0, I).
    """

    observation: Observation
    latent_dim: PyTree
    posterior_chain: Chain | None = None
    refine_chain: Chain | None = None
    energy_fn: EnergyFn | None = None
    prior_chain: Chain | None = None

    def prior(self, params: PyTree) -> Potential:
        """U(z) = E(z) + ||z||² / 2, the energy of p(z)."""
        if self.energy_fn is None:
            return standard_normal
        return tilt(standard_normal, bind(self.energy_fn, params["energy"]))

    def posterior(self, params: PyTree, x: Array, mask: Array | None = None) -> Potential:
        """U(z) - log p(x | z) up to a constant, the energy of p(z | x); see `observation.energy` for the mask."""
        return posterior(self.prior(params), self.observation.energy(params["generator"], x, mask))

    def log_joint(self, params: PyTree, x: Array, z: PyTree) -> Array:
        """log p(x, z) + log Z in nats, `[B]`."""
        dim = sum(jax.tree.leaves(self.latent_dim))
        log_p_z = -self.prior(params)(z) - 0.5 * dim * jnp.log(2 * jnp.pi)
        return self.observation.log_prob(params["generator"], x, z) + log_p_z

    def zeros(self) -> PyTree:
        """A z of zeros: `[1, d]` per layer."""
        return jax.tree.map(lambda dim: jnp.zeros((1, dim)), self.latent_dim)

    def fresh(self, rng_key: Array, num: int) -> PyTree:
        """z ~ N(0, I), `[num, d]` per layer."""
        dims, treedef = jax.tree.flatten(self.latent_dim)
        keys = [rng_key] if len(dims) == 1 else jax.random.split(rng_key, len(dims))
        return treedef.unflatten([jax.random.normal(k, (num, d)) for k, d in zip(keys, dims, strict=True)])

    def run(self, chain: Chain | None, potential: Potential, rng_key: Array, num: int) -> tuple[PyTree, Info]:
        """Ends z of `num` chains, always from fresh noise."""
        assert chain is not None
        start_key, chain_key = jax.random.split(rng_key)
        state, info, _ = sample_chain(chain, potential, chain_key, self.fresh(start_key, num))
        return state.position, info


def make_model(
    generator, *, sigma: float | None = None, length: int | None = None, bag: bool = False, **options
) -> Model:
    """A `Model` from a Flax module z -> x with noise sigma, or from a decoder of sentences (`nets.TextDecoder`) whose
    samples have `length` tokens, or, with `bag`, from a module z -> logits of words. options: the model's other fields.

    Raises ValueError if sigma is not > 0, or unless exactly one of sigma and length is given.
    """
    if sigma is None and length is not None:
        if bag:
            return Model(BagObservation(pure(generator), length), **options)
        apply = lambda params, *args, **kwargs: generator.apply({"params": params}, *args, **kwargs)
        return Model(TokenObservation(apply, partial(sample_tokens, length=length)), **options)
    if sigma is None or length is not None:
        raise ValueError("give either sigma (noise of a generator) or length (of a text decoder's sentences)")
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma}, the standard deviation of the observation noise, must be > 0")
    return Model(GaussianObservation(pure(generator), sigma), **options)


def init_generator(model: Model, generator, rng_key: Array, x: Array) -> PyTree:
    """Parameters of the generator. Raises ValueError if its examples are not like x `[B, ...]`."""
    z = model.zeros()
    if isinstance(model.observation, TokenObservation):
        model.observation.check({}, x, z)
        return generator.init(rng_key, z, x[:1])["params"]
    params = generator.init(rng_key, z)["params"]
    model.observation.check(params, x, z)
    return params


def generator_gradient(
    model: Model, params: PyTree, z: PyTree, x: Array, rng_key: Array | None = None
) -> tuple[Array, PyTree]:
    """(`observation.metric` over the batch, gradient of `observation.loss`), z held fixed.

    At posterior samples it is the gradient of -log p(x), times 2σ² for Gaussians. rng_key: of dropout, if any.
    """
    loss = lambda p: model.observation.loss(p, x, z, rng_key)
    (_, reported), grad = jax.value_and_grad(loss, has_aux=True)(params["generator"])
    return reported, grad


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> PyTree:
    """z ~ p(z), `[num, d]`, by the short-run prior chain; exact draws if the prior is N(0, I)."""
    if model.prior_chain is None:
        return model.fresh(rng_key, num)
    return model.run(model.prior_chain, model.prior(state.params), rng_key, num)[0]


def decode(model: Model, state: State, z: PyTree) -> Array:
    """g(z), the mean of x given z: `[B, d]` -> `[B, ...]`."""
    assert isinstance(model.observation, GaussianObservation)
    return model.observation.decode_fn(state.params["generator"], z)


def sample(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """x given z from `sample_latent`; for Gaussians the mean g(z): `[num, ...]`."""
    z = sample_latent(model, state, rng_key, num)
    return model.observation.draw(state.params["generator"], jax.random.fold_in(rng_key, 2**31 - 1), z)


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
    """x where mask (bool, like x) is true, elsewhere g(z) with z inferred from the observed entries: `[B, ...]`."""
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
    expectation this is a lower bound of log p(x) + log Z, tighter with more `num_samples`. log Z, estimated from
    N(0, I), is also biased low, by half its squared standard error (`estimators.likelihood.log_normalizer`). With an
    energy the difference is therefore not a bound: make sure that this error is small.
    """
    chain_key, normalizer_key = jax.random.split(rng_key)
    potential = model.posterior(state.params, x)
    row, unravel = pytree.ravel_rows(model.zeros())
    dim = row.size

    def transport(key, rows):
        assert model.posterior_chain is not None
        end = sample_chain(model.posterior_chain, potential, key, unravel(rows))[0].position
        return pytree.ravel_rows(end)[0]

    log_joint = lambda rows: model.log_joint(state.params, x, unravel(rows))
    log_p = short_run_log_likelihood(chain_key, transport, log_joint, num_rows=len(x), dim=dim, num_samples=num_samples)
    if model.energy_fn is None:
        return log_p
    energy = bind(model.energy_fn, state.params["energy"])
    return log_p - log_normalizer(normalizer_key, energy, dim, num_normalizer_samples)[0]


def evaluate(model: Model, state: State, rng_key: Array, batch: Batch) -> Metrics:
    """{`observation.metric`: `[B]`}: mean squared error per entry of x, or nats per sentence, at z from `encode`."""
    z, x = encode(model, state, rng_key, batch["x"]), batch["x"]
    return {model.observation.metric: model.observation.error(state.params["generator"], x, z)}


def text_functions(observation: TokenObservation) -> dict[str, Callable]:
    """Functions of a decoder of sentences: token_log_prob (state, z, x) -> `[B]` nats, start (state, z) -> carry, step
    (state, carry, z, token) -> (carry, logits)."""
    apply = lambda state, *args, method: observation.apply(state.params["generator"], *args, method=method)
    return {
        "token_log_prob": partial(apply, method="log_prob"),
        "start": partial(apply, method="start"),
        "step": partial(apply, method="step"),
    }


def common_functions(model: Model) -> dict[str, Callable]:
    """`Method.functions` that need only the model; among them energy, U of the prior, if that is learned."""
    of_gaussians = (decode, reconstruct, inpaint, interpolate)
    of_gaussians = of_gaussians if isinstance(model.observation, GaussianObservation) else ()
    named = (encode, sample_latent, log_likelihood, *of_gaussians)
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    if isinstance(model.observation, TokenObservation):
        functions |= text_functions(model.observation)
    if model.energy_fn is not None:
        functions["energy"] = lambda state, z: model.prior(state.params)(z)
    return functions
