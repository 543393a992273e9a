"""A frozen backbone tilted by an energy: the model of `flow_backbone`, and its functions.

    p(x) = exp(-E(x)) q(x) / Z,   Z = E_q[exp(-E(x))],   q the distribution of x = g(z) for z ~ N(0, I)

Pulled back to z the model is p(z) ∝ exp(-U(z)), U(z) = E(g(z)) + ||z||² / 2: the Jacobian cancels. The same U applies
to a decoder without a density (the generator of a VAE).

Reference: Nijkamp et al., ICLR 2022 (arXiv 2006.06897).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.energies import standard_normal, tilt
from ebmjax.estimators import likelihood
from ebmjax.flows import Flow, dequantize
from ebmjax.importance import WeightedMean
from ebmjax.mcmc import bank
from ebmjax.methods.base import likelihood_functions, pure
from ebmjax.types import Array, Batch, Chain, EnergyFn, Potential, PyTree, State


class Backbone(NamedTuple):
    """A map from N(0, I) to examples, with its trained parameters.

    group: name of its parameters in the state, "flow" or "generator". shape: of one example. dim: of z.
    decode: (params, z[B, dim]) -> x[B, *shape]. log_prob: (params, x) -> log q(x) `[B]` in nats; None if unknown.
    """

    group: str
    shape: tuple[int, ...]
    dim: int
    params: PyTree
    decode: EnergyFn
    log_prob: EnergyFn | None


def backbone_of_flow(flow: Flow, params: PyTree) -> Backbone:
    """A trained flow as a backbone."""
    return Backbone("flow", flow.shape, flow.dim, params, lambda p, z: flow.decode(p, z)[0], flow.log_prob)


def backbone_of_decoder(decoder, params: PyTree, latent_dim: int) -> Backbone:
    """A trained Flax module z[B, latent_dim] -> x[B, ...] as a backbone without a density or observation noise."""
    shape = jax.eval_shape(pure(decoder), params, jnp.zeros((1, latent_dim))).shape[1:]
    return Backbone("generator", shape, latent_dim, params, pure(decoder), None)


class Model(NamedTuple):
    """The energy, its backbone and its chain; see `flow_backbone`."""

    energy_fn: EnergyFn
    backbone: Backbone
    chain: Chain
    bank: bank.Bank | None
    energy_l2: float
    num_levels: int | None

    def decode(self, params: PyTree, z: Array) -> Array:
        """g(z): `[B, dim]` -> `[B, *shape]`."""
        return self.backbone.decode(params[self.backbone.group], z)

    def latent(self, params: PyTree) -> Potential:
        """U(z) = E(g(z)) + ||z||² / 2."""
        energy = lambda z: self.energy_fn(params["energy"], self.decode(params, z))
        return tilt(standard_normal, energy)

    def log_noise(self, params: PyTree, x: Array) -> Array:
        """log q(x) of the backbone, `[B]` in nats. Raises ValueError if the backbone has no density."""
        if self.backbone.log_prob is None:
            raise ValueError("a decoder as the backbone has no density log q(x): use only functions of z")
        return self.backbone.log_prob(params[self.backbone.group], x)

    def data(self, rng_key: Array, batch: Batch) -> Array:
        """x of the batch as in the backbone's training: images with noise over their grey levels."""
        return batch["x"] if self.num_levels is None else dequantize(rng_key, batch["x"], self.num_levels)


def energy_of(model: Model, state: State, x: Array) -> Array:
    """E(x) alone, the tilt: `[B, *shape]` -> `[B]`."""
    return model.energy_fn(state.params["energy"], x)


def latent_energy(model: Model, state: State, z: Array) -> Array:
    """U(z) = E(g(z)) + ||z||² / 2: `[B, dim]` -> `[B]`."""
    return model.latent(state.params)(z)


def data_energy(model: Model, state: State, x: Array) -> Array:
    """E(x) - log q(x), the energy of the same model in data space, e.g. for chains there: `[B]`."""
    return energy_of(model, state, x) - model.log_noise(state.params, x)


def decode(model: Model, state: State, z: Array) -> Array:
    """g(z): `[B, dim]` -> `[B, *shape]`."""
    return model.decode(state.params, z)


def log_normalizer(model: Model, state: State, rng_key: Array, num_samples: int = 10_000) -> WeightedMean:
    """log Z = log E_q[exp(-E)] in nats, by importance sampling over samples of the backbone."""
    energy = lambda z: energy_of(model, state, decode(model, state, z))
    return likelihood.log_normalizer(rng_key, energy, model.backbone.dim, num_samples)


def annealed_log_normalizer(
    model: Model,
    state: State,
    rng_key: Array,
    *,
    betas: ArrayLike,
    num_chains: int,
    make_kernel: Callable[[Potential], Any] | None = None,
    num_steps: int = 1,
) -> WeightedMean:
    """log Z in nats, by annealing chains in z from N(0, I) to the model.

    betas, num_chains, num_steps, make_kernel: of `mcmc.annealed_importance_sampling`; make_kernel defaults to that of
    the training chain. Unlike importance sampling it works if E varies by many nats over q.
    """
    return likelihood.annealed_log_normalizer(
        rng_key,
        partial(latent_energy, model, state),
        model.backbone.dim,
        betas=betas,
        num_chains=num_chains,
        make_kernel=make_kernel or model.chain.make_kernel,
        num_steps=num_steps,
    )


def log_likelihood_estimate(
    model: Model, state: State, rng_key: Array, x: Array, *, num_samples: int = 10_000
) -> WeightedMean:
    """log p(x) = log q(x) - E(x) - log Z in nats, `[B]`. Not a bound: its error is that of log Z, `log_normalizer`."""
    log_z, *trust = log_normalizer(model, state, rng_key, num_samples)
    return WeightedMean(-data_energy(model, state, x) - log_z, *(jnp.broadcast_to(t, len(x)) for t in trust))


def functions_of(model: Model) -> dict[str, Callable]:
    """`Method.functions` of the model; those that need a density only if the backbone has one."""
    named: dict[str, Callable] = {
        "energy": energy_of,
        "latent_energy": latent_energy,
        "decode": decode,
        "log_normalizer": log_normalizer,
        "annealed_log_normalizer": annealed_log_normalizer,
    }
    functions: dict[str, Callable] = {name: partial(fn, model) for name, fn in named.items()}
    if model.backbone.log_prob is None:
        return functions
    functions["data_energy"] = partial(data_energy, model)
    return functions | likelihood_functions(partial(log_likelihood_estimate, model))
