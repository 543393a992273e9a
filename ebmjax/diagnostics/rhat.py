"""R-hat: the spread of all chains compared with the spread within each chain.

Below 1.01 is the usual criterion. It detects only disagreement between chains: chains that all stay in one mode pass.
"""

import jax
import jax.numpy as jnp

from ebmjax.diagnostics.draws import chain_moments, nan_unless_finite, normal_scores, over_quantities, split_chains
from ebmjax.mcmc.online import Moments
from ebmjax.types import Array, PyTree


def variance_ratio(draws: Array) -> Array:
    """Classical R-hat of one quantity, `[num_chains, num_steps]` -> scalar.

    √(((N - 1) / N · W + B / N) / W), with W the mean variance within chains and B / N the variance of chain means:
    Vehtari et al. 2021 (arXiv 1903.08008), eqs. (1)-(4).
    """
    num_steps = draws.shape[1]
    means, centred, _ = chain_moments(draws)
    return ratio_of_moments(means, jnp.sum(centred**2, axis=1) / (num_steps - 1), num_steps)


def ratio_of_moments(means: Array, variances: Array, num_steps: int | Array) -> Array:
    """`variance_ratio` of M chains whose means and variances `[M, ...]` are known."""
    return jnp.sqrt((num_steps - 1) / num_steps + jnp.var(means, axis=0, ddof=1) / jnp.mean(variances, axis=0))


def rhat_of_moments(moments: Moments) -> PyTree:
    """Classical R-hat from moments alone, without stored draws: pytree of `[...]`, like one position.

    moments: of chains `[B, ...]`; or of their halves `[B, 2, ...]` (`mcmc.online.in_halves`), for which it is
    `split_rhat` of the draws that were not kept. Like it, this compares only means: `rhat` needs ranks, and so draws.
    """
    num_axes = moments.count.ndim
    rows = lambda a: a.reshape(-1, *a.shape[num_axes:])

    def of_leaf(mean, variance):
        mean = rows(mean)
        num_steps = moments.count.reshape(-1)[0].astype(mean.dtype)  # of every chain the same
        return ratio_of_moments(mean - mean[0], rows(variance), num_steps)

    return jax.tree.map(of_leaf, moments.mean, moments.variance)


def split_rhat(x: Array) -> Array:
    """Classical R-hat of half-chains: `[num_steps ≥ 4, num_chains, ...]` -> `[...]`.

    Compares only means, and needs finite variances; `rhat` has neither limitation. NaN for constant or non-finite
    draws, infinite if each chain is stuck at a different point.
    """

    def statistic(draws):
        return nan_unless_finite(variance_ratio(split_chains(draws)), draws)

    return over_quantities(statistic, x, name="split_rhat")


def rhat(x: Array) -> Array:
    """Rank-normalised split R-hat, the larger of bulk and folded: `[num_steps ≥ 4, num_chains, ...]` -> `[...]`.

    Bulk: R-hat of the normal scores of the draws (location); folded: of the scores of |x - median| (scale, tails).
    It depends only on ranks and is therefore bounded: with k of M half-chains in one mode and the rest in another it
    saturates (4 chains, two and two: 1.733, Gaussian limit 1.659). NaN for constant or non-finite draws. With one chain
    its two halves are compared, which is a weak test.

    Vehtari et al. 2021 (arXiv 1903.08008), Section 4. An odd number of steps drops the middle draw.
    """

    def statistic(draws):
        halves = split_chains(draws)
        return nan_unless_finite(rank_rhat(halves, normal_scores(halves)), draws)

    return over_quantities(statistic, x, name="rhat")


def rank_rhat(halves: Array, scores: Array) -> Array:
    """The larger of bulk and folded R-hat of half-chains and their normal scores, each `[M, N]`, to a scalar."""
    ordered = jnp.sort(halves.ravel())
    median = (ordered[(halves.size - 1) // 2] + ordered[halves.size // 2]) / 2
    folded = variance_ratio(normal_scores(jnp.abs(halves - median)))
    # fmax: folding a symmetric two-valued quantity gives a constant, whose NaN must not replace the bulk's value.
    return jnp.fmax(variance_ratio(scores), folded)


def check_superchains(num_chains: int, num_superchains: int) -> None:
    """Raise ValueError unless the chains can be grouped."""
    if num_superchains < 2 or num_chains < 2 or num_chains % num_superchains:
        raise ValueError(f"nested_rhat needs 2 or more equal superchains, got {num_superchains} of {num_chains} chains")


def nested_rhat(x: Array, num_superchains: int) -> Array:
    """Nested R-hat for many short chains: `[num_steps ≥ 1, num_chains, ...]` -> `[...]`, never below 1.

    √(1 + B / W): B is the variance of superchain means, W the mean over superchains of the variance between the
    means of their chains plus the variance within chains (0 with one step). The chains of a superchain start at one
    common point, so B measures the remaining dependence on it. For M independent stationary chains per superchain and
    one step it is about √(1 + 1 / M): compare with that and not with 1. For heavy tails pass `rank_normalise(x)`.

    Args:
        x: draws; chain i belongs to superchain i // (num_chains / num_superchains), as
            `jnp.repeat(starts, num_chains // num_superchains, axis=0)` lays them out.
        num_superchains: at least 2, a divisor of num_chains.

    Margossian et al. 2024 (arXiv 2110.13017), eqs. (6)-(8). Raises ValueError if the chains cannot be grouped.
    """
    check_superchains((jnp.shape(x) + (0, 0))[1], num_superchains)

    def statistic(draws):
        means, centred, _ = chain_moments(draws)
        variances = jnp.sum(centred**2, axis=1) / max(draws.shape[1] - 1, 1)
        return nan_unless_finite(nested_ratio(means, variances, num_superchains), draws)

    return over_quantities(statistic, x, name="nested_rhat", min_steps=1)


def nested_ratio(means: Array, variances: Array, num_superchains: int) -> Array:
    """`nested_rhat` of chains whose means and variances `[B, ...]` are known."""
    groups = means.reshape(num_superchains, -1, *means.shape[1:])
    within = jnp.mean(variances, axis=0)
    if groups.shape[1] > 1:
        within = within + jnp.mean(jnp.var(groups, axis=1, ddof=1), axis=0)
    return jnp.sqrt(1 + jnp.var(jnp.mean(groups, axis=1), axis=0, ddof=1) / within)


def nested_rhat_of_moments(moments: Moments, num_superchains: int) -> PyTree:
    """`nested_rhat` from the moments of chains `[B, ...]` alone, without stored draws: pytree of `[...]`."""
    check_superchains(moments.count.shape[0], num_superchains)

    def of_leaf(mean, variance):
        variance = jnp.where(moments.count[0] > 1, variance, 0.0)
        return nested_ratio(mean - mean[0], variance, num_superchains)

    return jax.tree.map(of_leaf, moments.mean, moments.variance)
