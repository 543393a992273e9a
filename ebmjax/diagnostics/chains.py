"""The table of diagnostics for draws of many quantities."""

import jax.numpy as jnp

from ebmjax.diagnostics.draws import chain_moments, over_quantities
from ebmjax.diagnostics.ess import bulk_ess, mean_ess, tail_ess
from ebmjax.diagnostics.rhat import rank_rhat
from ebmjax.types import Array


def summarise(x: Array, *, chunk_size: int = 64) -> dict[str, Array]:
    """Moments and diagnostics of every quantity: `[num_steps ≥ 4, num_chains, ...]` -> dict of `[...]`.

    mean, sd: over all draws (sd with S - 1). mcse: Monte-Carlo standard error of the mean, sd / √ess_mean.
    rhat, ess_bulk, ess_tail: as the functions of these names. All NaN for a quantity with a non-finite draw; for
    positions that are pytrees, `jax.tree.map(summarise, x)`.

    chunk_size: quantities computed at a time; memory beyond a copy of x is about chunk_size · 15 times that of one
    quantity's draws, so whole images fit. Can be jitted.
    """
    return over_quantities(summary, x, name="summarise", chunk_size=chunk_size)


def summary(draws: Array) -> dict[str, Array]:
    """`summarise` of one quantity, `[num_chains, num_steps]` -> scalars."""
    pooled, centred = chain_moments(draws.reshape(1, -1))
    mean = draws[0, 0] + pooled[0]
    sd = jnp.sqrt(jnp.sum(centred**2) / (draws.size - 1))
    return {
        "mean": mean,
        "sd": sd,
        "mcse": sd / jnp.sqrt(mean_ess(draws)),
        "rhat": rank_rhat(draws),
        "ess_bulk": bulk_ess(draws),
        "ess_tail": tail_ess(draws),
    }
