"""MCMC: Markov kernels, the loop that runs them, persistent chains, and annealing for log Z."""

from functools import partial

from ebmjax.mcmc import bank, online
from ebmjax.mcmc.adapt import (
    StepSize,
    adapt_step_size,
    averaged_step_size,
    dual_averaging,
    proportional_rule,
    sign_rule,
)
from ebmjax.mcmc.ais import Annealed, annealed_importance_sampling, reverse_annealed_importance_sampling
from ebmjax.mcmc.bank import Bank, make_bank
from ebmjax.mcmc.base import run_chain, sample_chain
from ebmjax.mcmc.batches import run_in_batches
from ebmjax.mcmc.blackjax import from_blackjax
from ebmjax.mcmc.blackjax_adaptation import adapt_blackjax
from ebmjax.mcmc.gibbs_with_gradients import gibbs_with_gradients
from ebmjax.mcmc.hmc import hmc
from ebmjax.mcmc.independence_mh import independence_mh
from ebmjax.mcmc.ladder import Ladder, cumulative_barrier, tune_betas, tune_temperatures, warm_up_ladder
from ebmjax.mcmc.langevin import langevin
from ebmjax.mcmc.learn_mass import learn_inverse_mass
from ebmjax.mcmc.mala import mala
from ebmjax.mcmc.mass import DenseMass, dense_mass
from ebmjax.mcmc.neural_transport import in_data_space, neural_transport
from ebmjax.mcmc.online import Moments
from ebmjax.mcmc.path import Base, base_from
from ebmjax.mcmc.path_exchange import path_exchange
from ebmjax.mcmc.smc import Tempered, systematic_resampling, tempered_smc
from ebmjax.mcmc.swaps import Exchange
from ebmjax.mcmc.tempering import replica_exchange
from ebmjax.mcmc.underdamped import underdamped
from ebmjax.mcmc.warm_up import WarmUp, warm_up
from ebmjax.types import Chain, ChainState, Info, Kernel, Online

KERNELS = {
    "langevin": langevin,
    "mala": mala,
    "hmc": hmc,
    "underdamped": underdamped,
    "blackjax_nuts": partial(from_blackjax, algorithm="nuts"),
    "blackjax_barker": partial(from_blackjax, algorithm="barker"),
    "blackjax_mclmc": partial(from_blackjax, algorithm="mclmc"),
}
"""Name in a config (`config.sampler.name`) -> kernel builder, (potential, **options) -> Kernel.

The only required option is `step_size`. Builders that take functions (`independence_mh`, `neural_transport`,
`replica_exchange`, `path_exchange`, `adapt_step_size`) are used from code, as is `gibbs_with_gradients`, for discrete
positions.
"""

UNADJUSTED = ("langevin", "underdamped", "blackjax_mclmc")
"""Names of `KERNELS` that accept every proposal, so that their acceptance is no guide to the step size."""

__all__ = [
    "Annealed",
    "Bank",
    "Base",
    "Chain",
    "ChainState",
    "DenseMass",
    "Exchange",
    "Info",
    "KERNELS",
    "Kernel",
    "Ladder",
    "Moments",
    "Online",
    "StepSize",
    "Tempered",
    "UNADJUSTED",
    "WarmUp",
    "adapt_blackjax",
    "adapt_step_size",
    "annealed_importance_sampling",
    "averaged_step_size",
    "bank",
    "base_from",
    "cumulative_barrier",
    "dense_mass",
    "dual_averaging",
    "from_blackjax",
    "gibbs_with_gradients",
    "hmc",
    "in_data_space",
    "independence_mh",
    "langevin",
    "learn_inverse_mass",
    "make_bank",
    "mala",
    "neural_transport",
    "online",
    "path_exchange",
    "proportional_rule",
    "replica_exchange",
    "reverse_annealed_importance_sampling",
    "run_chain",
    "run_in_batches",
    "sample_chain",
    "sign_rule",
    "systematic_resampling",
    "tempered_smc",
    "tune_betas",
    "tune_temperatures",
    "underdamped",
    "warm_up",
    "warm_up_ladder",
]
