"""VERA's sampler: a generator of samples, with the gradient of its entropy.

    q(x):  x = g(z) + σ ε,   z ~ N(0, I), ε ~ N(0, I)

Its parameter groups are "generator", {"net", "log_sigma"}, and "proposal", log standard deviations of the importance
sampling of z given x (`objectives.entropy_gradient`).

A generator with batch normalisation is normalised by the batch of z that it learns from. Its posterior given one of
these x is that of g with the statistics of this batch held fixed, so that rows do not depend on each other. Samples and
evaluation use the running statistics, extra["stats"]["generator"].
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax.energies import standard_normal
from ebmjax.mcmc import run_chain
from ebmjax.methods.base import Net
from ebmjax.objectives.entropy_gradient import importance_score, latent_posterior, proposal_bound, residual_score
from ebmjax.types import Array, Chain, Metrics, PyTree, State

PROPOSAL_SCALE = 0.1
"""Standard deviation of the proposal before it is learned."""


class Sampler(NamedTuple):
    """The generator's network, z[B, d] -> x[B, ...], and the settings; see `methods.vera`."""

    net: Net
    latent_dim: int
    num_samples: int
    sigma_range: tuple[float, float]
    posterior_chain: Chain | None
    num_burn_in: int

    def decode(self, state: State, z: Array | None = None) -> Callable[[Array], Array]:
        """g, `[B, d]` -> `[B, ...]`, row by row: batch normalisation by the statistics of the batch z `[B, d]`, or, if
        it is None, by the running ones."""
        params, stats = state.params["generator"]["net"], running_statistics(state)
        if stats and z is not None:
            stats = Net(self.net.module.clone(momentum=0.0))(params, stats, z, train=True)[1]
        return lambda z: self.net(params, stats, z)[0]

    def draw(self, state: State, z: Array, noise: Array, decode: Callable[[Array], Array] | None = None) -> Array:
        """g(z) + σ ε, g being `decode`, by default that with running statistics."""
        decode = self.decode(state) if decode is None else decode
        return decode(z) + jnp.exp(state.params["generator"]["log_sigma"]) * noise

    def draw_learning(self, params: PyTree, stats: PyTree, z: Array, noise: Array) -> tuple[Array, PyTree]:
        """(g(z) + σ ε as a function of the group "generator", normalised by its own batch; the running statistics)."""
        x, stats = self.net(params["net"], stats, z, train=True)
        return x + jnp.exp(params["log_sigma"]) * noise, stats

    def fresh(self, rng_key: Array, x: Array) -> tuple[Array, Array]:
        """(z ~ N(0, I) `[B, d]`, ε ~ N(0, I) like x `[B, ...]`)."""
        z_key, noise_key = jax.random.split(rng_key)
        return jax.random.normal(z_key, (len(x), self.latent_dim)), jax.random.normal(noise_key, x.shape)

    def clamp(self, params: PyTree) -> PyTree:
        """The group "generator" with σ within its range."""
        low, high = (jnp.log(value) for value in self.sigma_range)
        return params | {"log_sigma": jnp.clip(params["log_sigma"], low, high)}

    def score(
        self, state: State, decode: Callable[[Array], Array], rng_key: Array, x: Array, z: Array
    ) -> tuple[Array, PyTree, Metrics]:
        """(c(x) = -∇ log q(x) `[B, ...]` at x made from z by decode, the posterior chain's adapted state, metrics)."""
        sigma = jnp.exp(state.params["generator"]["log_sigma"])
        if self.posterior_chain is None:
            noise = jax.random.normal(rng_key, (self.num_samples, *z.shape))
            scale = jnp.exp(state.params["proposal"])
            c, effective = importance_score(decode, x, z, sigma=sigma, scale=scale, noise=noise)
            return c, (), {"effective_samples": jnp.mean(effective), "proposal_scale": jnp.mean(scale)}
        # Dieng et al. 2019: the chain starts at z, an exact draw of q(z | x), so that c(x) is unbiased for any length.
        # The entropy's gradient is so only once the chain has forgotten z, on which ∂x/∂φ depends too.
        chain, keep = self.posterior_chain, lambda state, info: state.position
        kernel = chain.make_kernel(latent_posterior(decode, x, sigma))
        adapt = state.extra["posterior"]
        end, info, kept = run_chain(kernel, rng_key, z, chain.num_steps, adapt=adapt, collect=keep, unroll=chain.unroll)
        c = jnp.mean(residual_score(decode, x, kept[self.num_burn_in :], sigma), axis=0)
        return c, end.adapt, {"posterior_acceptance": jnp.mean(info.acceptance_rate)}

    def proposal_gradient(
        self, state: State, decode: Callable[[Array], Array], rng_key: Array, x: Array, z: Array
    ) -> Array:
        """Gradient of the proposal's negative bound, `[d]`; only the proposal learns from it."""
        sigma, noise = jnp.exp(state.params["generator"]["log_sigma"]), jax.random.normal(rng_key, z.shape)
        bound = lambda s: proposal_bound(decode, x, z, sigma=sigma, log_scale=s, noise=noise)
        return jax.grad(lambda log_scale: -bound(log_scale))(state.params["proposal"])


def running_statistics(state: State) -> PyTree:
    """Those of the generator's batch normalisation; {} without it."""
    return state.extra["stats"]["generator"] if "stats" in state.extra else {}


def init_sampler(sampler: Sampler, sigma: float, rng_key: Array, x: Array, learn_proposal: bool):
    """(parameter groups, extra) at step 0. Raises ValueError if the generator's examples are not like x `[B, ...]`."""
    z = jnp.zeros((1, sampler.latent_dim))
    net, stats = sampler.net.init(rng_key, z)
    made, there = jax.eval_shape(lambda: sampler.net(net, stats, z)[0]).shape[1:], x.shape[1:]
    if made != there:
        raise ValueError(f"the generator makes examples of shape {made}, the data have {there}")
    params = {"generator": sampler.clamp({"net": net, "log_sigma": jnp.log(jnp.float32(sigma))})}
    extra = {"stats": {"generator": stats}} if stats else {}
    if sampler.posterior_chain is not None:
        return params, extra | {"posterior": sampler.posterior_chain.make_kernel(standard_normal).init(z).adapt}
    if learn_proposal:
        params["proposal"] = jnp.full(sampler.latent_dim, jnp.log(PROPOSAL_SCALE))
    return params, extra


def check_sampler(sampler: Sampler) -> None:
    """Raise ValueError, one line, for settings out of range or that do not fit together."""
    low, high = sampler.sigma_range
    if not 0 < low <= high:
        raise ValueError(f"sigma_range = {sampler.sigma_range} must be 0 < smallest ≤ largest")
    if sampler.num_samples < 1:
        raise ValueError(f"num_samples = {sampler.num_samples}, of the importance sampling, must be at least 1")
    if sampler.posterior_chain is not None and not 0 <= sampler.num_burn_in < sampler.posterior_chain.num_steps:
        steps = sampler.posterior_chain.num_steps
        raise ValueError(f"num_burn_in = {sampler.num_burn_in} must leave some of the posterior chain's {steps} steps")
