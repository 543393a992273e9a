"""Latent-space energy-based prior: Pang, Han, Nijkamp, Zhu, Wu, NeurIPS 2020 (arXiv 2006.08205).

    p(x, z) = p_α(z) p_β(x | z),   p_α(z) = exp(-E_α(z)) N(z; 0, I) / Z(α),   p_β(x | z) = N(g_β(z), σ² I)   (eqs. 1-3)

A small energy tilts the Gaussian prior of a generator. Both are learned by maximum likelihood with two short Langevin
chains a step, one of the prior and one of the posterior, each from fresh N(0, I) noise (Algorithm 1).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ebmjax import pytree
from ebmjax.energies import bind, gaussian_nll, posterior, standard_normal, tilt
from ebmjax.evaluation.interpolation import great_circle
from ebmjax.evaluation.likelihood import log_normalizer, short_run_log_likelihood
from ebmjax.mcmc import sample_chain
from ebmjax.methods.base import apply_gradients, create_state, pure, step_key
from ebmjax.objectives import contrastive, gaussian_log_prob, squared_error
from ebmjax.types import Array, Batch, Chain, EnergyFn, Info, Method, Metrics, Potential, PyTree, State


class Model(NamedTuple):
    """The model's two functions of (params, z), its noise, and the chains that sample it; see `latent_ebm`."""

    energy_fn: EnergyFn | None
    decode_fn: EnergyFn
    sigma: float
    latent_dim: int
    prior_chain: Chain
    posterior_chain: Chain
    refine_chain: Chain | None

    def prior(self, params: PyTree) -> Potential:
        """U(z) = E_α(z) + ||z||² / 2, the energy of p_α(z), eq. (2)."""
        if self.energy_fn is None:
            return standard_normal
        return tilt(standard_normal, bind(self.energy_fn, params["energy"]))

    def posterior(self, params: PyTree, x: Array) -> Potential:
        """U(z) + ||x - g_β(z)||² / (2σ²), the energy of p(z | x)."""
        return posterior(self.prior(params), gaussian_nll(bind(self.decode_fn, params["generator"]), x, self.sigma))

    def run(self, chain: Chain, potential: Potential, rng_key: Array, num: int) -> tuple[Array, Info]:
        """Ends z `[num, latent_dim]` of chains from fresh noise, never warm-started: Algorithm 1, steps 2 and 3."""
        start_key, chain_key = jax.random.split(rng_key)
        state, info, _ = sample_chain(chain, potential, chain_key, jax.random.normal(start_key, (num, self.latent_dim)))
        return state.position, info


def train_step(model: Model, optimizers: Mapping, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Both chains with today's parameters, then one update of the generator and one of the energy."""
    x, params = batch["x"], state.params
    pos_key, neg_key = jax.random.split(step_key(state))
    # Samples are constants of both updates: the learning gradients, eqs. (7) and (8), do not pass through chains.
    z_pos, pos = jax.lax.stop_gradient(model.run(model.posterior_chain, model.posterior(params, x), pos_key, len(x)))

    # Eq. (8) without its factor 1 / (2σ²), which Adam's scaling absorbs; as in the paper's code.
    reconstruction = lambda p: jnp.mean(squared_error(model.decode_fn(p, z_pos), x))
    loss, grad = jax.value_and_grad(reconstruction)(params["generator"])
    grads = {"generator": grad}
    metrics = {"reconstruction_mse": loss / x[0].size, "posterior_grad_norm": jnp.mean(pos.grad_norm)}
    num_nonfinite = jnp.sum(pos.num_nonfinite)

    energy_fn = model.energy_fn
    if energy_fn is not None:
        z_neg, neg = jax.lax.stop_gradient(model.run(model.prior_chain, model.prior(params), neg_key, len(x)))

        def gap(p):
            energies = energy_fn(p, z_pos), energy_fn(p, z_neg)
            return contrastive(*energies), [jnp.mean(e) for e in energies]

        # Eq. (7): lower the energy of posterior samples, raise that of prior samples.
        (gap, means), grads["energy"] = jax.value_and_grad(gap, has_aux=True)(params["energy"])
        metrics |= {"energy_gap": gap, "energy_pos": means[0], "energy_neg": means[1]}
        metrics["prior_grad_norm"] = jnp.mean(neg.grad_norm)
        num_nonfinite += jnp.sum(neg.num_nonfinite)

    metrics |= {f"grad_norm_{group}": pytree.global_norm(grad) for group, grad in grads.items()}
    state = apply_gradients(state, optimizers, grads)
    return state._replace(step=state.step + 1), metrics | {"num_nonfinite": num_nonfinite}


def sample_latent(model: Model, state: State, rng_key: Array, num: int) -> Array:
    """z ~ p_α by the short-run prior chain, `[num, latent_dim]`; exact draws where the prior is N(0, I)."""
    if model.energy_fn is None:
        return jax.random.normal(rng_key, (num, model.latent_dim))
    return model.run(model.prior_chain, model.prior(state.params), rng_key, num)[0]


def decode(model: Model, state: State, z: Array) -> Array:
    """g_β(z), the mean of x given z: `[B, latent_dim]` -> `[B, ...]`."""
    return model.decode_fn(state.params["generator"], z)


def encode(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """One sample z of the short-run posterior, then `refine_chain` if there is one: `[B, ...]` -> `[B, latent_dim]`."""
    potential = model.posterior(state.params, x)
    run_key, refine_key = jax.random.split(rng_key)
    z, _ = model.run(model.posterior_chain, potential, run_key, len(x))
    return z if model.refine_chain is None else sample_chain(model.refine_chain, potential, refine_key, z)[0].position


def reconstruct(model: Model, state: State, rng_key: Array, x: Array) -> Array:
    """g_β(z) with z from `encode`: `[B, ...]` -> `[B, ...]`."""
    return decode(model, state, encode(model, state, rng_key, x))


def interpolate(model: Model, state: State, z_start: Array, z_end: Array, num: int) -> Array:
    """Decoded points on great circles between rows: `[B, latent_dim]` twice -> `[B, num, ...]`, ends included."""
    z = great_circle(z_start, z_end, num)
    x = decode(model, state, z.reshape(-1, model.latent_dim))
    return x.reshape(*z.shape[:2], *x.shape[1:])


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
    expectation that is a lower bound of log p(x) + log Z(α), tighter with more `num_samples`. log Z(α), estimated from
    N(0, I), is biased low in turn, by half its squared standard error (`evaluation.likelihood.log_normalizer`), so
    with an energy the difference is no bound: see that this error is small.
    """
    chain_key, normalizer_key = jax.random.split(rng_key)
    potential = model.posterior(state.params, x)
    transport = lambda key, z: sample_chain(model.posterior_chain, potential, key, z)[0].position
    prior = model.prior(state.params)

    def log_joint(z):  # up to log Z(α)
        log_p_z = -prior(z) - 0.5 * model.latent_dim * jnp.log(2 * jnp.pi)
        return gaussian_log_prob(x, decode(model, state, z), model.sigma) + log_p_z

    log_p = short_run_log_likelihood(
        chain_key, transport, log_joint, num_rows=len(x), dim=model.latent_dim, num_samples=num_samples
    )
    if model.energy_fn is None:
        return log_p
    energy = bind(model.energy_fn, state.params["energy"])
    return log_p - log_normalizer(normalizer_key, energy, model.latent_dim, num_normalizer_samples)[0]


def latent_ebm(
    energy,
    generator,
    *,
    prior_chain: Chain,
    posterior_chain: Chain,
    optimizers: Mapping[str, optax.GradientTransformation],
    sigma: float,
    latent_dim: int,
    refine_chain: Chain | None = None,
) -> Method:
    """Build the method.

    Args:
        energy: Flax module z[B, latent_dim] -> energy[B]; or None for the fixed prior N(0, I), which is short-run
            inference of a plain generator (the paper's baseline).
        generator: Flax module z[B, latent_dim] -> x[B, ...], in the range of the data ([-1, 1] for images).
        prior_chain, posterior_chain: short-run chains (paper: Langevin, 60 steps of 0.4; 20 to 40 steps of 0.1).
        optimizers: {"energy": ..., "generator": ...}; without "energy" where `energy` is None.
        sigma: > 0, standard deviation of the observation noise in units of x (paper: 0.3).
        refine_chain: run by `encode` after the posterior chain, usually noise-free; never in training.

    Parameter groups: "energy", "generator". functions: energy, decode, encode, reconstruct, sample_latent,
    interpolate, log_likelihood. Raises ValueError if sigma is not > 0, and `init` if the generator's examples have
    another shape than the data's.
    """
    if not sigma > 0:
        raise ValueError(f"sigma = {sigma}, the standard deviation of the observation noise, must be > 0")
    energy_fn = None if energy is None else pure(energy)
    model = Model(energy_fn, pure(generator), sigma, latent_dim, prior_chain, posterior_chain, refine_chain)

    def init(rng_key, batch):
        keys, z = jax.random.split(rng_key, 3), jnp.zeros((1, latent_dim))
        params = {"generator": generator.init(keys[0], z)["params"]}
        shape = jax.eval_shape(model.decode_fn, params["generator"], z).shape[1:]
        if shape != batch["x"].shape[1:]:
            raise ValueError(f"the generator makes examples of shape {shape}, the data has {batch['x'].shape[1:]}")
        if energy is not None:
            params["energy"] = energy.init(keys[1], z)["params"]
        return create_state(keys[2], params, optimizers)

    def evaluate(state, rng_key, batch):
        error = squared_error(reconstruct(model, state, rng_key, batch["x"]), batch["x"])
        return {"reconstruction_mse": error / batch["x"][0].size}

    named = [decode, encode, reconstruct, sample_latent, interpolate, log_likelihood]
    functions: dict[str, Callable] = {f.__name__: partial(f, model) for f in named}
    if energy is not None:
        functions["energy"] = lambda state, z: model.prior(state.params)(z)
    sample = lambda state, rng_key, num: decode(model, state, sample_latent(model, state, rng_key, num))
    return Method(init, partial(train_step, model, optimizers), sample, evaluate, functions)
