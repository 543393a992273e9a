"""Refinement of a generator's samples by a chain of the energy over the generator's inputs."""

from collections.abc import Callable

from ebmjax.energies import standard_normal, tilt
from ebmjax.mcmc import sample_chain
from ebmjax.types import Array, Chain, Potential, PyTree


def refine(
    rng_key: Array,
    energy: Potential,
    draw: Callable[[PyTree], Array],
    start: PyTree,
    chain: Chain,
    *,
    prior: bool = False,
) -> tuple[Array, Array]:
    """x = draw(u) `[B, ...]` at the end of a chain of E(draw(u)) over u, and acceptance rates `[B]`.

    Args:
        energy: x[B, ...] -> energy[B]. draw: u -> x[B, ...], row by row; for VERA u = (z, ε) and x = g(z) + σ ε.
        start: u, a pytree of `[B, ...]`, usually N(0, I).
        chain: typically Metropolis-adjusted Langevin with a step size adapted to an acceptance of .57.
        prior: add ||u||² / 2 to the energy, so that u stays typical of the generator's training. The published code
            does not.

    Reference: Grathwohl, Kelly et al. 2021 (arXiv 2010.04230), and its code for the evaluation of images.
    """
    potential: Potential = lambda u: energy(draw(u))
    state, info, _ = sample_chain(chain, tilt(standard_normal, potential) if prior else potential, rng_key, start)
    return draw(state.position), info.acceptance_rate
