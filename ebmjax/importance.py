"""Averages of importance weights, with what tells whether they can be trusted: error, ESS and the Pareto index k̂."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array

MAX_PARETO_K = 0.7
"""Past this k̂ an average of weights converges too slowly for its standard error to mean anything (reference below)."""


class WeightedMean(NamedTuple):
    """The log of an average of N importance weights, and how far to trust it; scalars, or `[B]`.

    log_mean: log((1/N) Σ w), in nats. standard_error: of log_mean, by the delta method: sd(w) / (mean(w) √N); **inf
    where k̂ is past its limit** (`average_weights`). That formula cannot exceed 1 nat, however far off log_mean is, and
    there log_mean is most likely too low. ess: Kish's (Σ w)² / Σ w², in [1, N]. pareto_k: k̂, see `pareto_k`.
    """

    log_mean: Array
    standard_error: Array
    ess: Array
    pareto_k: Array


def average_weights(log_weights: Array) -> WeightedMean:
    """The average of exp(log_weights) over axis 0: `[N]` gives scalars, `[N, B]` one average for each of B examples.

    N ≥ 1; with 20 weights or fewer k̂ is inf, and so is the standard error. The limit of k̂ is
    min(1 - 1 / log10 N, 0.7).

    With weights exp(a v), v ~ N(0, 1), N = 10,000, two standard errors cover log of the mean in .96 of 300 runs at
    a = 1.5 (k̂ about .4) and in .92 of those within the limit at a = 2 (k̂ about .6, one run in seven refused); at a = 3
    all but one run in a hundred are refused.

    Reference: Vehtari, Simpson, Gelman, Yao & Gabry 2024 (arXiv 1507.02646), section 3.2.4.
    """
    num = log_weights.shape[0]
    log_mean = jax.nn.logsumexp(log_weights, axis=0) - np.log(num)
    error = jnp.std(jnp.exp(log_weights - log_mean), axis=0, ddof=1) / np.sqrt(num)
    k = pareto_k(log_weights)
    return WeightedMean(log_mean, jnp.where(k > pareto_k_limit(num), jnp.inf, error), kish_ess(log_weights), k)


def pareto_k_limit(num: int) -> float:
    """The k̂ past which an average of `num` weights is not to be trusted: min(1 - 1 / log10 num, 0.7)."""
    return float(min(1 - 1 / np.log10(max(num, 2)), MAX_PARETO_K))


def kish_ess(log_weights: Array, axis: int = 0) -> Array:
    """Kish ESS (Σ w)² / Σ w² of importance weights, in [1, N]; equal weights give N, one dominant weight gives 1.

    log_weights: unnormalised; -inf is a weight of 0. The result loses `axis`. NaN if every weight is 0.
    """
    log_weights = jnp.asarray(log_weights)
    weights = jnp.exp(log_weights - jnp.max(log_weights, axis=axis, keepdims=True))
    return jnp.sum(weights, axis=axis) ** 2 / jnp.sum(weights**2, axis=axis)


def pareto_k(log_weights: Array) -> Array:
    """k̂, the shape of a generalised Pareto law fitted to the largest weights: `[N, ...]` -> `[...]`.

    Moments of the weights of an order above 1/k do not exist: for k > 1/2 they have no variance. The tail is the
    largest min(N / 5, 3 √N) weights. Equal weights give 0; fewer than 5 in the tail (N ≤ 20) give inf, for nothing can
    be said; NaN weights give NaN.

    Reference: Vehtari et al. 2024 (arXiv 1507.02646), Section 3; the fit is Zhang & Stephens 2009's, with the weak
    prior of their Appendix C.
    """
    num = log_weights.shape[0]
    size = int(np.ceil(min(num / 5, 3 * np.sqrt(num))))
    if size < 5:
        return jnp.full(log_weights.shape[1:], jnp.inf, log_weights.dtype)
    weights = jnp.exp(log_weights - jnp.max(log_weights, axis=0))
    largest = jax.lax.top_k(jnp.moveaxis(weights, 0, -1), size + 1)[0]
    excess = largest[..., size - 1 :: -1] - largest[..., size:]  # rising
    fitted = jnp.vectorize(_pareto_shape, signature="(n)->()")(excess)
    return jnp.where(excess[..., -1] > 0, fitted, jnp.where(jnp.isnan(excess[..., -1]), jnp.nan, 0.0))


def _pareto_shape(excess: Array) -> Array:
    """Shape of a generalised Pareto law of location 0: rising excesses `[n]` -> scalar, posterior mean.

    With the profile k(b) = mean log(1 - b x), of which b is weighted by its likelihood over a grid, Zhang & Stephens
    2009 (Technometrics 51), equations (7) to (9); k has the sign of Vehtari et al., and is shrunk to 1/2
    as by 10 points.
    """
    num = excess.shape[0]
    grid = np.arange(1, 31 + int(np.sqrt(num)))
    quartile = jnp.maximum(excess[int(num / 4 + 0.5) - 1], jnp.finfo(excess.dtype).tiny)
    b = (1 - np.sqrt(len(grid) / (grid - 0.5))) / (3 * quartile) + 1 / excess[-1]
    profile = lambda b: jnp.mean(jnp.log1p(-b[:, None] * excess), axis=1)
    k = profile(b)
    weights = jax.nn.softmax(num * (jnp.log(-b / k) - k - 1))
    k = profile(jnp.sum(b * weights)[None])[0]
    return (num * k + 10 * 0.5) / (num + 10)
