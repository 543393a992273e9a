"""Generators of latent vectors: the model, its chains, and the gradient of its generator.

    p(x, z) = p(z) p(x | z),   p(z) = N(0, I) or exp(-E(z)) N(0, I) / Z
    p(x | z) = N(x; g(z), σ² I), or for sentences Π_t p(x_t | x_<t, z) or Π_t p(x_t | z)

z is one vector `[B, d]`, or a pytree of them, one per layer. The posterior chain samples p(z | x).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.energies import bind, posterior, standard_normal, tilt
from ebmjax.estimators.decoding import sample_tokens
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import pure
from ebmjax.objectives.observation import BagObservation, GaussianObservation, TokenObservation
from ebmjax.types import Array, Chain, EnergyFn, Info, Potential, PyTree

Observation = GaussianObservation | TokenObservation | BagObservation


class Model(NamedTuple):
    """The model's functions of (params, z), and the chains that sample z.

    observation: p(x | z). latent_dim: d, or a pytree of them. posterior_chain: from fresh noise to z given x, None if a
    network infers z; refine_chain: run after it by `encode`. energy_fn: E, and prior_chain, which samples p(z): both
    are None if p(z) is N(0, I). prior_weight: β of the prior in the energy of the posterior alone; None for 1.
    """

    observation: Observation
    latent_dim: PyTree
    posterior_chain: Chain | None = None
    refine_chain: Chain | None = None
    energy_fn: EnergyFn | None = None
    prior_chain: Chain | None = None
    prior_weight: Array | None = None

    def prior(self, params: PyTree) -> Potential:
        """U(z) = E(z) + ||z||² / 2, the energy of p(z)."""
        if self.energy_fn is None:
            return standard_normal
        return tilt(standard_normal, bind(self.energy_fn, params["energy"]))

    def posterior(
        self, params: PyTree, x: Array, mask: Array | None = None, dropout_key: Array | None = None
    ) -> Potential:
        """β U(z) - log p(x | z) up to a constant, the energy of p(z | x); see `observation.energy` for the mask, and
        `TokenObservation.energy` for the key."""
        prior, options = self.prior(params), {} if dropout_key is None else {"rng_key": dropout_key}
        weight = self.prior_weight
        weighted = prior if weight is None else lambda z: weight * prior(z)
        return posterior(weighted, self.observation.energy(params["generator"], x, mask, **options))

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
    model: Model, params: PyTree, z: PyTree, x: Array, rng_key: Array | None = None, mask: Array | None = None
) -> tuple[Array, PyTree]:
    """(`observation.metric` over the batch, gradient of `observation.loss`), z held fixed.

    At posterior samples it is the gradient of -log p(x), times 2σ² for Gaussians. rng_key: of dropout, if any. mask:
    bool like x, of the entries that are observed; x then stands for these alone.
    """
    loss = lambda p: model.observation.loss(p, x, z, rng_key, mask)
    (_, reported), grad = jax.value_and_grad(loss, has_aux=True)(params["generator"])
    return reported, grad
