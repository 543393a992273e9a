"""Markov transitions (kernels) and the one loop that runs them."""

from functools import partial

from ebmjax.mcmc.adapt import StepSize, adapt_step_size, averaged_step_size, dual_averaging, sign_rule
from ebmjax.mcmc.base import run_chain, sample_chain
from ebmjax.mcmc.blackjax import from_blackjax
from ebmjax.mcmc.hmc import hmc
from ebmjax.mcmc.independence_mh import independence_mh
from ebmjax.mcmc.langevin import langevin
from ebmjax.mcmc.mala import mala
from ebmjax.mcmc.neural_transport import in_data_space, neural_transport
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
"""Kernel builders by the name a config gives them (`config.sampler.name`): (potential, **options) -> Kernel.

Each needs no option but `step_size`. Builders that take functions (`independence_mh`, `neural_transport`,
`adapt_step_size`) are used from code.
"""

__all__ = [
    "KERNELS",
    "Chain",
    "ChainState",
    "Info",
    "Kernel",
    "StepSize",
    "adapt_step_size",
    "averaged_step_size",
    "dual_averaging",
    "from_blackjax",
    "hmc",
    "in_data_space",
    "independence_mh",
    "langevin",
    "mala",
    "neural_transport",
    "run_chain",
    "sample_chain",
    "sign_rule",
    "underdamped",
]
