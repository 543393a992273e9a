"""The table of diagnostics for draws of many quantities."""

import jax
import jax.numpy as jnp

from ebmjax.diagnostics.draws import chain_moments, nan_unless_finite, normal_scores, over_quantities, split_chains
from ebmjax.diagnostics.ess import chains_ess, tail_indicators
from ebmjax.diagnostics.rhat import rank_rhat
from ebmjax.types import Array


def summarise(x: Array, *, chunk_size: int = 64) -> dict[str, Array]:
    """Moments and diagnostics of every quantity: `[num_steps ≥ 4, num_chains, ...]` -> dict of `[...]`.

    mean, sd: over all draws (sd with S - 1). mcse: Monte-Carlo standard error of the mean, sd / √ess_mean.
    rhat, ess_bulk, ess_tail: as the functions of these names. All NaN for a quantity with a non-finite draw; for
    positions that are pytrees, `jax.tree.map(summarise, x)`.

    chunk_size: quantities computed at a time; memory beyond a copy of x is about chunk_size · 30 times that of one
    quantity's draws, so whole images fit. Can be jitted.
    """
    return over_quantities(summary, x, name="summarise", chunk_size=chunk_size)


def summary(draws: Array) -> dict[str, Array]:
    """`summarise` of one quantity, `[num_chains, num_steps]` -> scalars."""
    shift, centred, unit = chain_moments(draws.reshape(1, -1))
    sd = unit * jnp.sqrt(jnp.sum(centred**2) / (draws.size - 1))
    halves = split_chains(draws)
    scores = normal_scores(halves)
    # One batch of four: the estimator is compiled once.
    ess_mean, ess_bulk, low, high = jax.vmap(chains_ess)(jnp.stack([halves, scores, *tail_indicators(draws)]))
    table = {
        "mean": draws[0, 0] + unit * shift[0],
        "sd": sd,
        "mcse": sd / jnp.sqrt(ess_mean),
        "rhat": rank_rhat(halves, scores),
        "ess_bulk": ess_bulk,
        "ess_tail": jnp.minimum(low, high),
    }
    return {name: nan_unless_finite(value, draws) for name, value in table.items()}
