"""Diagnostics of chains (R-hat, effective sample sizes, modes, stability), of learning with chains, and of energies
(barriers between minima). `diagnose` says in words what is wrong with draws.

Draws are [num_steps, num_chains, ...].
"""

from ebmjax.diagnostics.attraction_diffusion import Passage, attraction_diffusion, straight_line
from ebmjax.diagnostics.chains import summarise
from ebmjax.diagnostics.diagnose import Report, diagnose
from ebmjax.diagnostics.disconnectivity import Merge, depths, distinct_minima, lowest_barriers, merges
from ebmjax.diagnostics.draws import rank_normalise
from ebmjax.diagnostics.ebfmi import ebfmi
from ebmjax.diagnostics.ess import autocorrelation, ess_bulk, ess_mean, ess_tail
from ebmjax.diagnostics.findings import Finding
from ebmjax.diagnostics.health import LearningCorrelations, count_updates, learning_correlations
from ebmjax.diagnostics.modes import mode_occupancy, mode_sd, mode_transitions, nearest_mode
from ebmjax.diagnostics.rhat import nested_rhat, nested_rhat_of_moments, rhat, rhat_of_moments, split_rhat
from ebmjax.diagnostics.stability import stability_index
from ebmjax.diagnostics.to_arviz import to_arviz
from ebmjax.importance import kish_ess, pareto_k

__all__ = [
    "Finding",
    "LearningCorrelations",
    "Merge",
    "Passage",
    "Report",
    "attraction_diffusion",
    "autocorrelation",
    "count_updates",
    "depths",
    "diagnose",
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
    "to_arviz",
]
