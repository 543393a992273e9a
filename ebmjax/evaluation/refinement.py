"""Refinement by chains of an energy: of a generator's samples, over its inputs; of examples, before classification."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax.energies import marginal_labels, standard_normal, tilt
from ebmjax.mcmc import sample_chain
from ebmjax.types import Array, Chain, Potential, PyTree


def refine(
    rng_key: Array,
    energy: Potential,
    draw: Callable[[PyTree], Array],
    start: PyTree,
    chain: Chain,
    *,
    prior: bool = False,
) -> tuple[Array, Array]:
    """x = draw(u) `[B, ...]` at the end of a chain of E(draw(u)) over u, and acceptance rates `[B]`.

    Args:
        energy: x[B, ...] -> energy[B]. draw: u -> x[B, ...], row by row; for VERA u = (z, ε) and x = g(z) + σ ε.
        start: u, a pytree of `[B, ...]`, usually N(0, I).
        chain: typically Metropolis-adjusted Langevin with a step size adapted to an acceptance of .57.
        prior: add ||u||² / 2 to the energy, so that u stays typical of the generator's training. The published code
            does not.

    Reference: Grathwohl, Kelly et al. 2021 (arXiv 2010.04230), and its code for the evaluation of images.
    """
    potential: Potential = lambda u: energy(draw(u))
    state, info, _ = sample_chain(chain, tilt(standard_normal, potential) if prior else potential, rng_key, start)
    return draw(state.position), info.acceptance_rate


def refined_logits(
    rng_key: Array,
    logits_fn: Callable[[Array], Array],
    chain: Chain,
    x: Array,
    *,
    num_chains: int = 5,
    noise: float = 0.03,
) -> Array:
    """Mean logits `[B, K]` at the ends of `num_chains` chains from each x`[B, ...]`, of the energy -log Σ_y exp logits.

    noise: standard deviation of Gaussian noise added to the starts (published .03, with 5 chains of 0, 1 or 10 steps).
    Its gradient in x is that of the logits at the ends, as if a chain were a shift: a white-box attack by it does not
    see how the chain bends.

    Reference: Grathwohl et al. 2020 (arXiv 1912.03263), section 5.4 on robustness, and its code.
    """
    noise_key, chain_key = jax.random.split(rng_key)
    starts = jnp.repeat(x, num_chains, axis=0)
    starts = starts + noise * jax.random.normal(noise_key, starts.shape, starts.dtype)
    fixed = jax.lax.stop_gradient(starts)
    end = sample_chain(chain, marginal_labels(logits_fn), chain_key, fixed)[0].position
    logits = logits_fn(starts + jax.lax.stop_gradient(end - fixed))
    return jnp.mean(logits.reshape(len(x), num_chains, -1), axis=1)
