"""Energies of Hamiltonian chains: whether fresh momenta carry them through all energies of the target."""

import jax.numpy as jnp

from ebmjax.types import Array

MIN_EBFMI = 0.3
"""Below this the energies of a chain are a slow random walk, and what it says of the tails is not to be trusted; the
limit is Stan's."""


def ebfmi(hamiltonian: Array) -> Array:
    """E-BFMI (energy Bayesian fraction of missing information) of chains: `[num_steps, num_chains]` -> `[num_chains]`.

    Σ (H_n - H_{n-1})² / Σ (H_n - mean H)²: the changes of energy by fresh momenta, relative to the spread of energies.
    For exact trajectories and kinetic energy |p|² / 2 in D dimensions it is D / (Var(E / T) + D / 2): 1 on N(0, I), 2/3
    for E = |x|, 0 for tails so heavy that Var E is infinite. NaN if H never changes.

    hamiltonian: `Info.hamiltonian`, as `run_chain` collects it. Without a trace: `mcmc.online.ebfmi`.

    Reference: Betancourt 2016 (Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo, arXiv
    1604.00695), which takes H at the end of the trajectory, before the momentum is drawn anew.
    """
    hamiltonian = jnp.asarray(hamiltonian)
    relative = hamiltonian - hamiltonian[:1]  # keeps the digits of large energies
    spread = jnp.sum((relative - jnp.mean(relative, axis=0)) ** 2, axis=0)
    return jnp.sum(jnp.diff(relative, axis=0) ** 2, axis=0) / spread
