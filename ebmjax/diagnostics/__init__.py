"""Diagnostics of chains (R-hat, effective sample sizes, modes, stability) and of learning with chains.

Draws are [num_steps, num_chains, ...].
"""

from ebmjax.diagnostics.chains import summarise
from ebmjax.diagnostics.draws import rank_normalise
from ebmjax.diagnostics.ess import autocorrelation, ess_bulk, ess_mean, ess_tail
from ebmjax.diagnostics.health import LearningCorrelations, count_updates, learning_correlations
from ebmjax.diagnostics.modes import mode_occupancy, mode_sd, mode_transitions, nearest_mode
from ebmjax.diagnostics.rhat import nested_rhat, rhat, split_rhat
from ebmjax.diagnostics.stability import stability_index
from ebmjax.importance import kish_ess, pareto_k

__all__ = [
    "LearningCorrelations",
    "autocorrelation",
    "count_updates",
    "ess_bulk",
    "ess_mean",
    "ess_tail",
    "kish_ess",
    "learning_correlations",
    "mode_occupancy",
    "mode_sd",
    "mode_transitions",
    "nearest_mode",
    "nested_rhat",
    "pareto_k",
    "rank_normalise",
    "rhat",
    "split_rhat",
    "stability_index",
    "summarise",
]
