"""Effective sample size: the number of independent draws that would estimate as accurately."""

import math

import jax
import jax.numpy as jnp

from ebmjax.diagnostics.draws import chain_moments, nan_unless_finite, normal_scores, over_quantities, split_chains
from ebmjax.types import Array


def power_spectrum(centred: Array) -> tuple[Array, int]:
    """|FFT|² of `[..., N]` along the last axis, padded so that no lag wraps around, and the padded length."""
    length = 1 << (2 * centred.shape[-1] - 1).bit_length()
    spectrum = jnp.fft.rfft(centred, n=length)
    return spectrum.real**2 + spectrum.imag**2, length


def autocorrelation(x: Array, num_lags: int | None = None) -> Array:
    """Autocorrelation of each chain about its own mean: `[num_steps, ...]` -> `[num_lags, ...]`.

    Lag 0 is 1; num_lags defaults to num_steps. Sums of products are divided by num_steps at every lag (biased to 0,
    positive definite). Centring on the chain's own mean hides correlations longer than the chain, unlike `ess_mean`.
    NaN for a chain that never moves.
    """
    x = jnp.moveaxis(jnp.asarray(x), 0, -1)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = jax.vmap(lambda chain: chain_moments(chain[None])[1][0])(x.reshape(-1, x.shape[-1]))
    power, length = power_spectrum(centred)
    covariance = jnp.fft.irfft(power, n=length)[:, : num_lags or x.shape[-1]]
    rho = covariance / covariance[:, :1]
    return jnp.moveaxis(rho.reshape(x.shape[:-1] + (-1,)), -1, 0)


def initial_monotone_time(rho: Array) -> Array:
    """Integrated autocorrelation time of rho[N ≥ 2], ρ_0 = 1, by Geyer's initial positive and monotone sequences.

    The pairs P_k = ρ_2k + ρ_2k+1 of a reversible chain are positive and decreasing: τ = -1 + 2 Σ P_k is cut before
    the first pair that is not positive (the rest is noise), and each pair is lowered to the one before it if larger.
    The even lag of the pair at the cut is counted once, which lowers the variance of τ for antithetic chains.
    Vehtari et al. 2021 (arXiv 1903.08008), Section 3.2, and Geyer 1992; rules at the cut as in Stan and ArviZ.
    """
    num_pairs = max((rho.size - 3) // 2, 0) + 1
    even, odd = rho[: 2 * num_pairs].reshape(num_pairs, 2).T
    pairs = even + odd
    cut = jnp.argmax(jnp.append(pairs[:-1] <= 0, True))
    summed = jnp.sum(jnp.where(jnp.arange(num_pairs) < cut, jax.lax.cummin(pairs), 0.0))
    rest = jnp.where((pairs[cut] < 0) & (even[cut] <= 0), 0.0, even[cut])
    return -1 + 2 * summed + rest


def chains_ess(draws: Array) -> Array:
    """ESS of the mean of one quantity from `[num_chains ≥ 2, num_steps ≥ 2]`, without splitting chains: a scalar.

    S / τ with ρ_t = 1 - (W - mean autocovariance_t) / V, where V includes the variance between chains: if they
    disagree, the ESS is small. τ ≥ 1 / log10 S: at most S log10 S for antithetic chains. S for a constant.
    Vehtari et al. 2021, eq. (10).
    """
    num_steps = draws.shape[1]
    means, centred, _ = chain_moments(draws)
    power, length = power_spectrum(centred)
    covariance = jnp.fft.irfft(jnp.mean(power, axis=0), n=length)[:num_steps] / num_steps
    variance = jnp.mean(centred**2)
    total = variance + jnp.var(means, ddof=1)
    rho = (1 - (variance * num_steps / (num_steps - 1) - covariance) / total).at[0].set(1.0)
    time = jnp.maximum(initial_monotone_time(rho), 1 / math.log10(draws.size))
    return jnp.where(jnp.max(draws) == jnp.min(draws), draws.size, draws.size / time)


def tail_indicators(draws: Array, probabilities: tuple[float, float] = (0.05, 0.95)) -> list[Array]:
    """Indicators (0 or 1), in split chains, of draws`[num_chains, num_steps]` at or below each of their quantiles."""
    ordered = jnp.sort(draws.ravel())
    # No draw lies strictly between this order statistic and the interpolated quantile: the indicator is the same.
    quantiles = [ordered[math.floor((draws.size - 1) * p)] for p in probabilities]
    return [split_chains((draws <= quantile).astype(draws.dtype)) for quantile in quantiles]


def ess_mean(x: Array) -> Array:
    """ESS of the mean, from split chains: `[num_steps ≥ 4, num_chains, ...]` -> `[...]`; IID draws give about S.

    S / ess_mean is the integrated autocorrelation time, sd / √ess_mean the Monte-Carlo standard error of the mean
    (finite variance assumed). More than S for antithetic chains; S for constant and NaN for non-finite draws.
    """

    def statistic(draws):
        return nan_unless_finite(chains_ess(split_chains(draws)), draws)

    return over_quantities(statistic, x, name="ess_mean")


def ess_bulk(x: Array) -> Array:
    """ESS of rank-normalised split chains: `[num_steps ≥ 4, num_chains, ...]` -> `[...]`.

    Efficiency for location, defined for any tails; 100 per chain is the usual minimum. NaN for non-finite draws.
    Vehtari et al. 2021 (arXiv 1903.08008), Section 4.
    """

    def statistic(draws):
        return nan_unless_finite(chains_ess(normal_scores(split_chains(draws))), draws)

    return over_quantities(statistic, x, name="ess_bulk")


def ess_tail(x: Array, probabilities: tuple[float, float] = (0.05, 0.95)) -> Array:
    """Smaller ESS of the indicators x ≤ quantile at two probabilities: `[num_steps ≥ 4, num_chains, ...]` -> `[...]`.

    probabilities: in (0, 1), static. Vehtari et al. 2021 (arXiv 1903.08008), Section 4.
    """

    def statistic(draws):
        low_and_high = jax.vmap(chains_ess)(jnp.stack(tail_indicators(draws, probabilities)))
        return nan_unless_finite(jnp.min(low_and_high), draws)

    return over_quantities(statistic, x, name="ess_tail")
