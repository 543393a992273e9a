"""Barriers of an energy between its minima, by attraction-diffusion: Hill, Nijkamp & Zhu 2019 (arXiv 1803.01043).

A chain starts in one minimum and is drawn to another, x*, by a force of constant strength, like a magnet:

    E(x) + strength · ||x - x*||

It arrives if the force overcomes the slopes on its way, and fails if it comes no nearer for some time. The highest
energy E on the way of a chain that arrives is an upper bound of the barrier between the two minima. A weak force finds
low passes, but may fail; a strong one arrives along the straight line.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.mcmc.base import sample_chain
from ebmjax.types import Array, Chain, Potential


class Passage(NamedTuple):
    """The ways of B chains. reached: bool `[B]`. highest: `[B]`, the highest energy E on the way, both ends included;
    inf for chains that failed. steps: int `[B]` until they arrived, or of the whole chain."""

    reached: Array
    highest: Array
    steps: Array


def distance(x: Array, target: Array) -> Array:
    """Euclidean distance of each row: x, target `[B, ...]` -> `[B]`. Its gradient is finite where it is 0."""
    return jnp.sqrt(jnp.maximum(pytree.square_norm_rows(x - target), 1e-24))


def attraction_diffusion(
    potential: Potential,
    chain: Chain,
    rng_key: Array,
    start: Array,
    target: Array,
    *,
    strength: float | Array,
    radius: float,
    patience: int,
) -> Passage:
    """Chains from each `start` drawn to its `target`, on the energy E(x) + strength · ||x - target||.

    Args:
        potential: E, x[B, ...] -> energy[B].
        chain: of num_steps; in the paper Langevin at a low temperature T. With noise_scale = 0 it is gradient descent,
            which climbs a slope exactly if strength exceeds it.
        start, target: `[B, ...]`, usually minima.
        strength: > 0, in energy per unit of x, a scalar or `[B]`. The paper's α is strength / T.
        radius: > 0; a chain nearer than this has arrived.
        patience: ≥ 1; a chain that has come no nearer for this many steps has failed.
    """
    if not radius > 0 or patience < 1:
        raise ValueError(f"attraction_diffusion needs radius > 0 and patience ≥ 1, got {radius} and {patience}")
    tilted = lambda x: potential(x) + strength * distance(x, target)

    def record(state, info):
        far = distance(state.position, target)
        return state.energy - strength * far, far

    _, _, (energy, far) = sample_chain(chain, tilted, rng_key, start, collect=record)
    with_start = lambda first, rest: jnp.concatenate([first[None], rest])
    energy = with_start(potential(start), energy)
    passage = judge(energy, with_start(distance(start, target), far), radius, patience)
    return passage._replace(highest=jnp.maximum(passage.highest, potential(target)))  # inf where it failed


def judge(energy: Array, far: Array, radius: float, patience: int) -> Passage:
    """The passages of B chains, from energies and distances to their targets `[N, B]`, at the start and N - 1 steps."""
    index = jnp.arange(len(far))[:, None]
    nearer = jnp.concatenate([jnp.ones_like(far[:1], bool), far[1:] < jax.lax.cummin(far)[:-1]])
    last = jax.lax.cummax(jnp.where(nearer, index, 0))
    failed = jax.lax.cummax((index - last >= patience).astype(jnp.int32)) > 0
    arrived = (far < radius) & ~failed
    reached, steps = jnp.any(arrived, axis=0), jnp.argmax(arrived, axis=0)
    highest = jnp.take_along_axis(jax.lax.cummax(energy), steps[None], axis=0)[0]
    return Passage(reached, jnp.where(reached, highest, jnp.inf), jnp.where(reached, steps, len(far) - 1))


def straight_line(potential: Potential, start: Array, target: Array, num_points: int = 50) -> Array:
    """Highest energy on the straight lines between `start` and `target` `[B, ...]`, both ends included: `[B]`."""

    def along(share):
        return potential(start + share * (target - start))

    return jnp.max(jax.lax.map(along, jnp.linspace(0.0, 1.0, num_points, dtype=start.dtype)), axis=0)
