"""Estimators of the entropy's gradient on a linear generator: their bias and spread against the closed form."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebmjax.evaluation.ppca import LinearGenerator
from ebmjax.mcmc import adapt_step_size, averaged_step_size, hmc, run_chain, sign_rule
from ebmjax.objectives.entropy_gradient import importance_score, latent_posterior, proposal_bound, residual_score
from ebmjax.types import Array

LEAPFROG, TARGET = 5, 0.67
"""Of the chains, as published."""


class Draws(NamedTuple):
    """x = W z + b + σ ε `[N, D]` with its z `[N, d]` and ε `[N, D]`, fixed while the estimators are repeated."""

    x: Array
    z: Array
    noise: Array


def draw(generator: LinearGenerator, rng_key: Array, num: int) -> Draws:
    """`num` draws of the generator."""
    z_key, noise_key = jax.random.split(rng_key)
    z = jax.random.normal(z_key, (num, generator.weights.shape[1]))
    noise = jax.random.normal(noise_key, (num, len(generator.weights)))
    return Draws(generator.decode(z) + generator.sigma * noise, z, noise)


def fit_proposal(generator: LinearGenerator, rng_key: Array, num_steps: int, batch_size: int) -> Array:
    """Scale `[d]` of the importance sampling's proposal, from .1, by Adam at a rate of .01 on its bound."""
    optimizer = optax.adam(0.01)

    def loss(log_scale, key):
        draw_key, noise_key = jax.random.split(key)
        of = draw(generator, draw_key, batch_size)
        noise = jax.random.normal(noise_key, of.z.shape)
        return -proposal_bound(generator.decode, of.x, of.z, sigma=generator.sigma, log_scale=log_scale, noise=noise)

    def step(carry, key):
        log_scale, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(loss)(log_scale, key), opt_state)
        return (optax.apply_updates(log_scale, updates), opt_state), None

    start = jnp.full(generator.weights.shape[1], jnp.log(0.1))
    keys = jax.random.split(rng_key, num_steps)
    return jnp.exp(jax.lax.scan(step, (start, optimizer.init(start)), keys)[0][0])


def fit_step_size(generator: LinearGenerator, rng_key: Array, num_steps: int, batch_size: int) -> Array:
    """Step size of the chains over z, adapted for `num_steps` transitions to an acceptance of .67, from 1 / d."""
    draw_key, chain_key = jax.random.split(rng_key)
    of = draw(generator, draw_key, batch_size)
    potential = latent_posterior(generator.decode, of.x, generator.sigma)
    kernel = adapt_step_size(
        potential,
        make_kernel=partial(hmc, num_leapfrog=LEAPFROG),
        step_size=1.0 / of.z.shape[1],
        target=TARGET,
        rule=sign_rule(0.02),
    )
    end = run_chain(kernel, chain_key, of.z, num_steps)[0]
    return averaged_step_size(end.adapt)


def by_importance(generator: LinearGenerator, scale: Array, of: Draws, num: int, rng_key: Array) -> Array:
    """c `[N, D]` by `num` draws of the proposal around the z that made x."""
    noise = jax.random.normal(rng_key, (num, *of.z.shape))
    return importance_score(generator.decode, of.x, of.z, sigma=generator.sigma, scale=scale, noise=noise)[0]


def by_chain(generator: LinearGenerator, step_size: float, of: Draws, num: int, rng_key: Array) -> Array:
    """c `[N, D]` by a chain of `num` transitions that starts at the z that made x; the first half is not used."""
    potential = latent_posterior(generator.decode, of.x, generator.sigma)
    kernel = hmc(potential, step_size=step_size, num_leapfrog=LEAPFROG)
    kept = run_chain(kernel, rng_key, of.z, num, collect=lambda state, info: state.position)[2]
    return jnp.mean(residual_score(generator.decode, of.x, kept[num // 2 :], generator.sigma), axis=0)


@partial(jax.jit, static_argnums=(1, 2))
def moments(rng_key: Array, estimate: Callable[[Array], Array], num_repeats: int) -> tuple[Array, Array]:
    """(mean, variance) of c `[N, D]` over repetitions of an estimator with other keys."""
    keys = jax.random.split(rng_key, num_repeats)

    def add(carry, key):
        c = estimate(key)
        return (carry[0] + c, carry[1] + c**2), None

    zero = jnp.zeros(jax.eval_shape(estimate, rng_key).shape)
    total, square = jax.lax.scan(add, (zero, zero), keys)[0]
    mean = total / num_repeats
    return mean, (square / num_repeats - mean**2) * num_repeats / max(num_repeats - 1, 1)


def gradient_figures(generator: LinearGenerator, of: Draws, c: Array) -> dict[str, float]:
    """The entropy's gradient made from c, as a multiple of the exact one: {"weights": of ∂H/∂W, projected on it,
    "sigma": of ∂H/∂σ}; 1 if exact."""
    exact, of_sigma = generator.entropy_gradient()
    weights = c.T @ of.z / len(c)
    shares = jnp.sum(weights * exact) / jnp.sum(exact**2), jnp.mean(jnp.sum(c * of.noise, axis=1)) / of_sigma
    return {name: float(share) for name, share in zip(("weights", "sigma"), shares)}


def score_figures(exact: Array, mean: Array, variance: Array, num_repeats: int) -> dict[str, float]:
    """{"bias", "sd": of c over repetitions, root mean squares over points and coordinates, relative to that of the
    exact c; "signed_bias": mean difference to the exact c, as in the official code}."""
    size = jnp.sqrt(jnp.mean(exact**2))
    # The mean of finitely many repetitions has a spread of its own, which is no bias.
    square = jnp.mean((mean - exact) ** 2) - jnp.mean(variance) / num_repeats
    found = {"bias": jnp.sqrt(jnp.maximum(square, 0.0)) / size, "sd": jnp.sqrt(jnp.mean(variance)) / size}
    return {name: float(value) for name, value in (found | {"signed_bias": jnp.mean(mean - exact)}).items()}


def estimator_figures(generator: LinearGenerator, of: Draws, estimate: Callable, num_repeats: int, rng_key: Array):
    """`score_figures` and `gradient_figures` of one estimator, (rng_key) -> c `[N, D]`."""
    mean, variance = moments(rng_key, estimate, num_repeats)
    scores = score_figures(generator.score(of.x), mean, variance, num_repeats)
    return scores | {f"gradient_{name}": value for name, value in gradient_figures(generator, of, mean).items()}


def curves(figures: dict[int, dict[str, float]], name: str) -> np.ndarray:
    """The values of a figure over the numbers of draws, `[len(figures)]`."""
    return np.array([found[name] for found in figures.values()])
