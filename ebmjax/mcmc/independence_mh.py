"""Independence Metropolis-Hastings: proposals from a fixed distribution, such as a flow."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax.mcmc.metropolis import accept_or_reject
from ebmjax.mcmc.options import at_step, check, check_start
from ebmjax.pytree import at_least_float32, energy_rows, num_rows, spread_like
from ebmjax.types import Array, ChainState, Kernel, Potential, PyTree


def independence_mh(
    potential: Potential,
    *,
    sample: Callable[[Array, int], PyTree],
    log_prob: Callable[[PyTree], Array],
    temperature: float | Array | Callable[[Array], Array] = 1.0,
) -> Kernel:
    """Proposals x' ~ q, accepted with probability min(1, π(x') q(x) / (π(x) q(x'))), π ∝ exp(-E / T).

    It needs no gradient, jumps between modes, and gets stuck where π / q is large: q must cover π. The average
    acceptance is 1 if q = π. For p ∝ exp(-e) q the energy is e - log q, and the ratio depends only on e.

    Args:
        potential: x -> energy[B].
        sample: (rng_key, num) -> x' of `num` rows, independent draws of q.
        log_prob: x -> log q(x) `[B]`, up to a constant. Evaluated at both ends of every transition and not stored, so q
            may change between runs of a chain.
        temperature: T > 0, a scalar or a schedule.

    Raises:
        ValueError: sample and position differ in structure or shape; or an option or a position outside these ranges.

    Reference: Tierney 1994 (Markov chains for exploring posterior distributions), independence chains.
    """

    check("independence_mh", potential=potential, sample=sample, log_prob=log_prob, temperature=temperature)

    def init(position):
        check_start("independence_mh", position, temperature=temperature)
        position = at_least_float32(position)
        energy = at_least_float32(energy_rows(potential, position))
        return ChainState(position, energy, (), jnp.zeros((), jnp.int32))

    def step(rng_key, state):
        sample_key, accept_key = jax.random.split(rng_key)
        position = sample(sample_key, num_rows(state.position))
        shapes = [jax.tree.map(jnp.shape, x) for x in (position, state.position)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"independence_mh: sample draws shapes {shapes[0]}, the position has {shapes[1]}")
        position = spread_like(jax.tree.map(lambda a, x: a.astype(x.dtype), position, state.position), state.energy)
        energy, log_q, log_q_now = at_least_float32((potential(position), log_prob(position), log_prob(state.position)))
        # A draw whose density underflows would always be accepted, and the chain would never leave it.
        energy = jnp.where(jnp.isfinite(log_q), energy, jnp.nan)
        log_ratio = (state.energy - energy) / at_step(temperature, state.step) + log_q_now - log_q
        return accept_or_reject(accept_key, state, (position, energy, ()), log_ratio)

    return Kernel(init, step)
