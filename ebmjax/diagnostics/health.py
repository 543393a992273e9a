"""Health of a contrastive learning run, from two series with one value per training step.

    d_s = mean E(x⁺)/T - mean E(x⁻)/T   (in nats)        r_s = mean over chain and steps of the energy gradient's norm

d_s is the derivative of the negative log-likelihood with respect to a scale α of the energy, αE, at α = 1: learning
*expands* the energy where d_s < 0 and *contracts* it where d_s > 0. In every stable run the two balance. What differs
is the oscillation about 0: weak without correlation between steps, strong with negative correlation at short lags.

Reference: Nijkamp et al. 2020, On the Anatomy of MCMC-based Maximum Likelihood Learning (arXiv 1903.12370).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from ebmjax.diagnostics.draws import power_of_two
from ebmjax.types import Array


class LearningCorrelations(NamedTuple):
    """Correlations of the series d_s and r_s at `lags` -L .. L; every field is `[2L + 1]`.

    signal: of d_s with itself. gradient: of r_s with itself. cross: of d_s at step t + lag with r_s at step t, as
    the paper's code draws it: a peak at lag 3 says that d_s follows r_s by three steps.
    """

    lags: Array
    signal: Array
    gradient: Array
    cross: Array


def learning_correlations(d_s: ArrayLike, r_s: ArrayLike, max_lag: int = 15) -> LearningCorrelations:
    """Auto- and cross-correlations of the last steps of a run: d_s, r_s `[N]`, N > max_lag + 1.

    d_s is scaled to mean square 1 but not centred (its mean matters), r_s is standardised. Sums of products over the
    existing pairs are divided by N - 1 at every lag, which shrinks large lags towards 0. NaN for a constant series.
    Raises ValueError for other shapes.
    """
    d_s, r_s = jnp.asarray(d_s), jnp.asarray(r_s)
    if d_s.ndim != 1 or d_s.shape != r_s.shape or d_s.size <= max_lag + 1:
        raise ValueError(
            f"learning_correlations needs d_s[N] and r_s[N] with N > max_lag + 1 = {max_lag + 1}, "
            f"got shapes {d_s.shape} and {r_s.shape}"
        )
    d_s, r_s = d_s / power_of_two(d_s), r_s / power_of_two(r_s)  # so that their squares are finite
    d_s = d_s / jnp.sqrt(jnp.mean(d_s**2))
    r_s = (r_s - jnp.mean(r_s)) / jnp.std(r_s, ddof=1)
    lags = jnp.arange(-max_lag, max_lag + 1)

    def correlate(x, y):  # "full" has lag N - 1 first: x is shifted over y
        middle = d_s.size - 1
        return jnp.correlate(y, x, mode="full")[middle - max_lag : middle + max_lag + 1] / middle

    return LearningCorrelations(lags, correlate(d_s, d_s), correlate(r_s, r_s), correlate(r_s, d_s))


def count_updates(d_s: ArrayLike) -> tuple[Array, Array]:
    """(Expansions, contractions): how many steps of d_s `[N]` are below and above 0, as int32 scalars."""
    d_s = jnp.asarray(d_s)
    return jnp.sum(d_s < 0), jnp.sum(d_s > 0)
