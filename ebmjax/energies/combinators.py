"""New energies from old: potentials in, a potential out. Every energy of every method is built from these."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.types import Array, EnergyFn, Potential, PyTree


def bind(energy_fn: EnergyFn, params: PyTree) -> Potential:
    """The potential x -> energy_fn(params, x). Works for any (params, x) -> y, so for generators too."""
    return partial(energy_fn, params)


def standard_normal(x: PyTree) -> Array:
    """||x||² / 2 summed over all leaves: `[B]`, the energy of N(0, I) without its normaliser (dim / 2) log 2π."""
    return 0.5 * pytree.square_norm_rows(x)


def tilt(base: Potential, energy: Potential) -> Potential:
    """x -> base(x) + energy(x): the density exp(-energy) · exp(-base).

    With base = `standard_normal` this is the latent prior of Pang et al. 2020 (arXiv 2006.08205), eq. (2); with
    base = -log q of a flow the tilted flow of Nijkamp et al. 2020 (arXiv 2006.06897).
    """
    return lambda x: base(x) + energy(x)


def posterior(prior: Potential, negative_log_likelihood: Potential) -> Potential:
    """z -> prior(z) - log p(x | z), with x bound: the energy of p(z | x) up to log p(x)."""
    return tilt(prior, negative_log_likelihood)


def gaussian_nll(
    decode: Callable[[PyTree], Array], x: Array, sigma: float | Array, *, normalised: bool = False
) -> Potential:
    """z -> ||x - decode(z)||² / (2 sigma²) of each row, summed (not averaged) over everything but the first axis.

    Args:
        decode: z, a pytree of `[B, ...]`, -> mean of x, exactly in the shape of `x`.
        x: `[B, ...]`; row i is explained by row i of z.
        sigma: > 0, scalar, standard deviation of the observation noise in units of x.
        normalised: add dim · (log sigma + log(2π) / 2), so that the potential is -log N(x; decode(z), sigma² I) in
            nats. It does not depend on z: chains do not see it.

    Raises:
        ValueError: shapes of x and decode(z) differ (they would broadcast).
    """
    dim = int(np.prod(x.shape[1:]))

    def negative_log_likelihood(z):
        mean = decode(z)
        if mean.shape != x.shape:
            raise ValueError(f"decode(z) has shape {mean.shape}, x has {x.shape}: they must be the same")
        energy = pytree.square_norm_rows(x - mean) / (2.0 * sigma**2)
        return energy + dim * (jnp.log(sigma) + 0.5 * np.log(2.0 * np.pi)) if normalised else energy

    return negative_log_likelihood


def temper(energy: Potential, temperature: float | Array) -> Potential:
    """x -> energy(x) / temperature, temperature > 0 (may be traced): the density exp(-E / T) as one at T = 1."""
    return lambda x: energy(x) / temperature


def pullback(energy: Potential, decode_and_log_det: Callable[[PyTree], tuple[PyTree, Array]]) -> Potential:
    """z -> energy(g(z)) - log|det ∂g/∂z|: the energy, in the coordinates z, of the same distribution of x = g(z).

    With g a flow's decoder, chains run in its latent space ("neural transport": Hoffman et al. 2019,
    arXiv 1903.03704; Nijkamp et al. 2020, arXiv 2006.06897). With g = `Target.transport` it is N(0, I) exactly.

    Args:
        energy: x -> `[B]`. decode_and_log_det: z -> (x, log|det| of each row, `[B]`).

    Raises:
        ValueError: log|det| is not one number a row (a constant must be broadcast to `[B]`).
    """

    def latent_energy(z):
        x, log_det = decode_and_log_det(z)
        value = energy(x)
        if log_det.shape != value.shape:
            raise ValueError(f"log|det| must be one number a row, shape {value.shape}, got {log_det.shape}")
        return value - log_det

    return latent_energy


def marginal_labels(logits_fn: Callable[[PyTree], Array]) -> Potential:
    """x -> -log Σ_k exp(logits_fn(x)[:, k]): the energy of p(x) = Σ_y p(x, y) with p(x, y) ∝ exp(logits[y]).

    logits_fn: x -> `[B, K]`. Adding c(x) to all logits leaves p(y | x) = softmax(logits) and lowers the energy by c(x).

    Reference: Grathwohl et al. 2020 (arXiv 1912.03263), eq. (7); Pang & Wu 2021 (arXiv 2108.11556) for a latent x.
    """
    return lambda x: -jax.nn.logsumexp(logits_fn(x), axis=-1)
