"""Markov transitions (kernels) and the one loop that runs them."""

from ebmjax.mcmc.base import run_chain, sample_chain
from ebmjax.mcmc.langevin import langevin
from ebmjax.types import Chain, ChainState, Info, Kernel

KERNELS = {"langevin": langevin}
"""Kernel builders by the name a config gives them (`config.sampler.name`): (potential, **options) -> Kernel."""

__all__ = ["KERNELS", "Chain", "ChainState", "Info", "Kernel", "langevin", "run_chain", "sample_chain"]
