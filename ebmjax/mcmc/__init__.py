"""MCMC: Markov kernels, the loop that runs them, persistent chains, and annealing for log Z."""

from functools import partial

from ebmjax.mcmc import bank
from ebmjax.mcmc.adapt import (
    StepSize,
    adapt_step_size,
    averaged_step_size,
    dual_averaging,
    proportional_rule,
    sign_rule,
)
from ebmjax.mcmc.ais import (
    Annealed,
    Base,
    annealed_importance_sampling,
    base_from,
    reverse_annealed_importance_sampling,
)
from ebmjax.mcmc.bank import Bank, make_bank
from ebmjax.mcmc.base import run_chain, sample_chain
from ebmjax.mcmc.blackjax import from_blackjax
from ebmjax.mcmc.gibbs_with_gradients import gibbs_with_gradients
from ebmjax.mcmc.hmc import hmc
from ebmjax.mcmc.independence_mh import independence_mh
from ebmjax.mcmc.langevin import langevin
from ebmjax.mcmc.mala import mala
from ebmjax.mcmc.mass import learn_inverse_mass
from ebmjax.mcmc.neural_transport import in_data_space, neural_transport
from ebmjax.mcmc.tempering import Exchange, replica_exchange
from ebmjax.mcmc.underdamped import underdamped
from ebmjax.types import Chain, ChainState, Info, Kernel

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
`replica_exchange`, `adapt_step_size`) are used from code, as is `gibbs_with_gradients`, for discrete positions.
"""

UNADJUSTED = ("langevin", "underdamped", "blackjax_mclmc")
"""Names of `KERNELS` that accept every proposal, so that their acceptance is no guide to the step size."""

__all__ = [
    "Annealed",
    "Bank",
    "Base",
    "Chain",
    "ChainState",
    "Exchange",
    "Info",
    "KERNELS",
    "Kernel",
    "StepSize",
    "UNADJUSTED",
    "adapt_step_size",
    "annealed_importance_sampling",
    "averaged_step_size",
    "bank",
    "base_from",
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
    "proportional_rule",
    "replica_exchange",
    "reverse_annealed_importance_sampling",
    "run_chain",
    "sample_chain",
    "sign_rule",
    "underdamped",
]
