"""Diagnostics of chains (R-hat, effective sample sizes, modes, stability), of learning with chains, and of energies
(barriers between minima).

Draws are [num_steps, num_chains, ...].
"""

from ebmjax.diagnostics.attraction_diffusion import Passage, attraction_diffusion, straight_line
from ebmjax.diagnostics.chains import summarise
from ebmjax.diagnostics.disconnectivity import Merge, depths, distinct_minima, lowest_barriers, merges
from ebmjax.diagnostics.draws import rank_normalise
from ebmjax.diagnostics.energies import ebfmi
from ebmjax.diagnostics.ess import autocorrelation, ess_bulk, ess_mean, ess_tail
from ebmjax.diagnostics.health import LearningCorrelations, count_updates, learning_correlations
from ebmjax.diagnostics.modes import mode_occupancy, mode_sd, mode_transitions, nearest_mode
from ebmjax.diagnostics.rhat import nested_rhat, nested_rhat_of_moments, rhat, rhat_of_moments, split_rhat
from ebmjax.diagnostics.stability import stability_index
from ebmjax.importance import kish_ess, pareto_k

__all__ = [
    "LearningCorrelations",
    "Merge",
    "Passage",
    "attraction_diffusion",
    "autocorrelation",
    "count_updates",
    "depths",
    "distinct_minima",
    "ebfmi",
    "ess_bulk",
    "ess_mean",
    "ess_tail",
    "kish_ess",
    "learning_correlations",
    "lowest_barriers",
    "merges",
    "mode_occupancy",
    "mode_sd",
    "mode_transitions",
    "nearest_mode",
    "nested_rhat",
    "nested_rhat_of_moments",
    "pareto_k",
    "rank_normalise",
    "rhat",
    "rhat_of_moments",
    "split_rhat",
    "stability_index",
    "straight_line",
    "summarise",
]
