"""Likelihoods of latent-variable models: importance sampling, thermodynamic integration, normalisers of priors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ebmjax.energies import standard_gaussian
from ebmjax.importance import WeightedMean, average_weights
from ebmjax.mcmc import annealed_importance_sampling, base_from, run_chain
from ebmjax.mcmc.base import start_chains
from ebmjax.objectives import gaussian_log_prob
from ebmjax.pytree import spread_like
from ebmjax.types import Array, Kernel, Potential, PyTree


def log_abs_det_rows(fn: Callable[[Array], Array], z: Array) -> tuple[Array, Array]:
    """fn(z) and log|det ∂fn/∂z| of each row: `[B, d]` -> (`[B, d]`, `[B]`)."""
    value, _, log_det = signed_log_det_rows(fn, z)
    return value, log_det


def signed_log_det_rows(fn: Callable[[Array], Array], z: Array) -> tuple[Array, Array, Array]:
    """fn(z), and the sign and log|·| of det ∂fn/∂z of each row: `[B, d]` -> (`[B, d]`, `[B]`, `[B]`).

    Exact: d forward-mode products with the unit vectors give all columns of every row's Jacobian, since row i of
    the result depends on row i alone.
    """
    dim = z.shape[1]
    value, push = jax.linearize(fn, z)
    same = lambda unit: spread_like(jnp.broadcast_to(unit, z.shape), jnp.sum(z, axis=1))
    columns = jax.vmap(lambda unit: push(same(unit)))(jnp.eye(dim, dtype=z.dtype))
    return value, *jnp.linalg.slogdet(jnp.transpose(columns, (1, 2, 0)))


def estimated_log_abs_det_rows(
    rng_key: Array, fn: Callable[[Array], Array], z: Array, *, num_terms: int
) -> tuple[Array, Array]:
    """fn(z) and an estimate of log|det ∂fn/∂z| of each row, for many dimensions: `[B, d]` -> (`[B, d]`, `[B]`).

        log det J = Σ_k (-1)^(k+1) tr(M^k) / k,   M = J - I,   tr(M^k) ≈ vᵀ M^k v with random signs v

    It costs `num_terms` products with J; the exact determinant costs d of them and d³ operations. It is unbiased for
    the series cut after n = `num_terms` ≥ 1, and free of noise for a diagonal M. The rest is at most
    d ρ^(n+1) / ((n+1) (1 - ρ)), where ρ < 1 is the largest |eigenvalue| of M: s² λ / 2 for a Langevin step at the
    curvature λ. **For ρ ≥ 1 the series diverges and the result is wrong without warning.**

    Reference: Chen et al. 2019 (arXiv 1906.02735), section 3.1, without their random cut.
    """
    value, push = jax.linearize(fn, z)
    signs = spread_like(jax.random.rademacher(rng_key, z.shape, z.dtype), jnp.sum(z, axis=1))

    def add_term(carry, weight):
        power, total = carry
        power = push(power) - power
        return (power, total + weight * jnp.sum(signs * power, axis=1)), None

    k = np.arange(1, num_terms + 1)
    weights = jnp.asarray((-1.0) ** (k + 1) / k, z.dtype)
    return value, jax.lax.scan(add_term, (signs, jnp.zeros_like(z[:, 0])), weights)[0][1]


def chain_log_abs_det_rows(
    kernel: Kernel, rng_key: Array, z: Array, num_steps: int, *, num_terms: int = 0
) -> tuple[Array, Array]:
    """End of the chain from z and log|det ∂z_K/∂z_0| with its noise held fixed: `[B, d]` -> (`[B, d]`, `[B]`).

    Arguments as for `chain_signed_log_det_rows`.
    """
    end, _, log_det = chain_signed_log_det_rows(kernel, rng_key, z, num_steps, num_terms=num_terms)
    return end, log_det


def chain_signed_log_det_rows(
    kernel: Kernel, rng_key: Array, z: Array, num_steps: int, *, num_terms: int = 0
) -> tuple[Array, Array, Array]:
    """End of the chain from z, and sign and log|·| of det ∂z_K/∂z_0 with its noise held fixed: `[B, d]` -> (`[B, d]`,
    `[B]`, `[B]`).

    The sum of log|det| of the steps, each of which is near 0; the determinant of the whole chain's Jacobian would
    underflow in float32 once a direction has contracted by 10⁷. Chain and noise are those of `mcmc.run_chain`. It gives
    the density of z_K only where the chain is one-to-one in z_0, see `short_run_log_likelihood`.

    Args:
        num_terms: 0 for exact values, by d Jacobian products per step; else as in `estimated_log_abs_det_rows`, where
            the sign is always 1.
    """
    probe_key = jax.random.fold_in(rng_key, num_steps)  # differs from the keys of all steps

    def one_step(carry, i):
        z, sign, total = carry
        key = jax.random.fold_in(rng_key, i)
        move = lambda z: kernel.step(key, kernel.init(z)._replace(step=i))[0].position
        if num_terms:
            z, log_det = estimated_log_abs_det_rows(jax.random.fold_in(probe_key, i), move, z, num_terms=num_terms)
        else:
            z, of_step, log_det = signed_log_det_rows(move, z)
            sign = sign * of_step
        return (z, sign, total + log_det), None

    z = start_chains(kernel, rng_key, z).position
    start = (z, jnp.ones_like(z[:, 0]), jnp.zeros_like(z[:, 0]))
    return jax.lax.scan(one_step, start, jnp.arange(num_steps, dtype=jnp.int32))[0]


class ShortRunDraws(NamedTuple):
    """Ends z_K of M short-run chains for each of B rows, `[M, B, d]`, and of each chain, `[M, B]`: log N(z_0; 0, I) of
    its start, and sign and log|·| of det ∂z_K/∂z_0 with its noise held fixed."""

    z: Array
    log_prob_start: Array
    sign: Array
    log_det: Array


def short_run_draws(
    rng_key: Array,
    transport: Callable[[Array, Array], tuple[Array, Array, Array]],
    *,
    num_rows: int,
    dim: int,
    num_samples: int,
) -> ShortRunDraws:
    """`ShortRunDraws` of num_samples chains for each of num_rows rows, from z_0 ~ N(0, I).

    transport: (rng_key, z_0`[B, d]`) -> (z_K, sign, log|det|), the chain and its determinant, rows independent:
        `chain_signed_log_det_rows`, or `signed_log_det_rows` of any map. The noise of the key serves all three.
    """

    def draw(key):
        start_key, noise_key = jax.random.split(key)
        z_0 = jax.random.normal(start_key, (num_rows, dim))
        z_k, sign, log_det = transport(noise_key, z_0)
        return ShortRunDraws(z_k, gaussian_log_prob(z_0, jnp.zeros_like(z_0), 1.0), sign, log_det)

    return jax.lax.map(draw, jax.random.split(rng_key, num_samples))


def short_run_log_likelihood(draws: ShortRunDraws, log_joint: Callable[[Array], Array]) -> WeightedMean:
    """log p(x) by importance sampling with the short-run chain as the proposal, `[B]` in nats: log of the average of

        p(x, z_K) |det ∂z_K/∂z_0| / p_0(z_0),   z_0 ~ N(0, I).

    **It needs a chain that is one-to-one in z_0** with its noise held fixed: then, by change of variables, the average
    is unbiased for p(x), and its log a lower bound in expectation. A Langevin step z - (s² / 2T) ∇U(z) + s ε is
    one-to-one if s² λ / 2T < 1, λ the largest curvature of U anywhere; past that it folds, several z_0 share a z_K,
    and the average counts them all: it was 3 to 8 times p(x) where s² λ / 2T reached 2.3. A step that folds reverses
    orientation somewhere, so a determinant < 0 proves a fold, and such rows are NaN; two folds at once (two such
    directions) go unseen. `gaussian_proposal_log_likelihood` has no such condition.

    The variance grows with how much the chain contracts: once |det| is tiny, z_K hardly depends on z_0, a few draws
    carry all the weight, and the bound is loose at any affordable number of draws. Short chains estimate best.

    log_joint: z`[B, d]` -> log p(x_i, z_i), `[B]`, with x bound.

    Reference: Pang et al. 2021 (arXiv 2106.02513); Nijkamp et al. 2020 (arXiv 1912.01909).
    """

    def log_weight(draw):
        weight = log_joint(draw.z) + draw.log_det - draw.log_prob_start
        return jnp.where(draw.sign < 0, jnp.nan, weight)

    return average_weights(jax.lax.map(log_weight, draws))


def thermodynamic_log_likelihood(
    rng_key: Array,
    make_kernel: Callable[[Potential], Kernel],
    prior: Potential,
    log_likelihood: Callable[[PyTree], Array],
    position: PyTree,
    betas: Array,
    *,
    num_warmup: int,
    num_steps: int,
) -> tuple[Array, Array]:
    """log p(x) by thermodynamic integration, `[B]` in nats, and its integrand at each beta, `[T, B]`.

        log p(x) = ∫_0^1 E_t[log p(x | z)] dt,   E_t over the power posterior, p_t(z) ∝ p(z) p(x | z)^t

    The integrand never falls: its slope is the variance of log p(x | z) under p_t. The trapezoidal rule has an error of
    O(Δt²), negative where the integrand is concave. Neither the prior nor the posteriors need a normaliser. Use a
    kernel that leaves p_t invariant (mala, hmc): the bias of any other remains in the result.

    Args:
        prior: z -> U(z), the energy of p(z). log_likelihood: z -> log p(x_i | z_i), `[B]`, normalised, x bound.
        position: z ~ p(z), `[B, ...]`; chains go on from one beta to the next. betas: t, `[T]`, rising from 0 to 1.
        num_warmup, num_steps: transitions at each t, first those left out of the average, then those averaged.
    """

    def at(z, inputs):
        key, t = inputs
        kernel = make_kernel(lambda z: prior(z) - t * log_likelihood(z))
        warm_key, key = jax.random.split(key)
        z = run_chain(kernel, warm_key, z, num_warmup)[0].position
        state, _, found = run_chain(kernel, key, z, num_steps, collect=lambda state, _: log_likelihood(state.position))
        return state.position, jnp.mean(found, axis=0)

    first = make_kernel(lambda z: prior(z) - betas[0] * log_likelihood(z))
    position = start_chains(first, rng_key, position).position
    _, means = jax.lax.scan(at, position, (jax.random.split(rng_key, len(betas)), betas))
    return jnp.trapezoid(means, betas, axis=0), means


def gaussian_proposal_log_likelihood(
    rng_key: Array, log_joint: Callable[[Array], Array], draws: Array, *, num_samples: int, inflation: float = 1.2
) -> WeightedMean:
    """log p(x) in nats, `[N]`, by importance sampling from a Gaussian around draws of each row's posterior.

    The proposal of row i is N(mean, inflation² · variance) of draws[:, i], dimension by dimension. Whatever the draws,
    the average of the weights is unbiased for p(x), and its log a lower bound of log p(x) in expectation,
    non-decreasing in num_samples. No Jacobian of a chain is needed, and the weights are even if the posterior is nearly
    Gaussian.

    Args:
        log_joint: z[N, d] -> log p(x_i, z_i), `[N]`, with x bound. draws: `[M, N, d]`, M ≥ 2. inflation: ≥ 1, of the
            standard deviation, for tails.
    """
    mean, scale = jnp.mean(draws, axis=0), inflation * jnp.std(draws, axis=0, ddof=1) + 1e-6

    def log_weight(key):
        noise = jax.random.normal(key, mean.shape)
        log_q = gaussian_log_prob(noise, jnp.zeros_like(noise), 1.0) - jnp.sum(jnp.log(scale), axis=1)
        return log_joint(mean + scale * noise) - log_q

    return average_weights(jax.lax.map(log_weight, jax.random.split(rng_key, num_samples)))


def over_normalizer(unnormalised: WeightedMean, normalizer: WeightedMean) -> WeightedMean:
    """log p(x) = log p(x) Z - log Z with the errors of both: the worst ESS and k̂, standard errors added in squares."""
    return WeightedMean(
        unnormalised.log_mean - normalizer.log_mean,
        jnp.hypot(unnormalised.standard_error, normalizer.standard_error),
        jnp.minimum(unnormalised.ess, normalizer.ess),
        jnp.maximum(unnormalised.pareto_k, normalizer.pareto_k),
    )


def log_normalizer(rng_key: Array, energy: Potential, dim: int, num_samples: int) -> WeightedMean:
    """log Z = log E_{z ~ N(0, I)}[exp(-E(z))] of the tilted prior, in nats, and how far to trust it.

    Where E varies by several nats over N(0, I) the estimate is too low, by many nats in many dimensions, and its
    standard error inf: use `annealed_log_normalizer`.
    """
    return average_weights(-energy(jax.random.normal(rng_key, (num_samples, dim))))


def annealed_log_normalizer(
    rng_key: Array,
    potential: Potential,
    dim: int,
    *,
    betas: ArrayLike,
    num_chains: int,
    make_kernel: Callable[[Potential], Kernel],
    num_steps: int = 1,
) -> WeightedMean:
    """log E_{N(0, I)}[exp(-E(z))] of the potential U(z) = E(z) + ||z||² / 2 by annealing from N(0, I) to it, in nats.

    betas, num_chains, num_steps, make_kernel: of `mcmc.annealed_importance_sampling`. The exponential of log_mean is
    unbiased. Unlike `log_normalizer` it works if E varies by many nats over N(0, I). If chains cannot follow the
    annealing, it is too low by more than the error.
    """
    base = standard_gaussian(dim)
    # Normalised, like the base, so that the log Z of annealing is that of the tilt.
    found = annealed_importance_sampling(
        rng_key,
        base_from(base),
        lambda z: potential(z) + base.log_z,
        betas=betas,
        make_kernel=make_kernel,
        num_chains=num_chains,
        num_steps=num_steps,
    )
    return WeightedMean(found.log_z, found.standard_error, found.ess, found.pareto_k)
