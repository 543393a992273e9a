"""Annealed importance sampling: bounds of log Z from below and, given samples of the target, from above."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ebmjax.energies import Target
from ebmjax.importance import average_weights
from ebmjax.mcmc.base import run_chain, start_chains
from ebmjax.mcmc.options import check
from ebmjax.pytree import compensated_add
from ebmjax.types import Array, Info, Kernel, Potential, PyTree


class Base(NamedTuple):
    """The start of annealing: a distribution with exact samples and a normalised density.

    sample: (rng_key, num) -> x, a pytree of `[num, ...]`. log_prob: x -> `[num]`, in nats, its integral being 1.
    """

    sample: Callable[[Array, int], PyTree]
    log_prob: Callable[[PyTree], Array]


def base_from(target: Target) -> Base:
    """A target of `energies` with known log Z as the base, e.g. `base_from(energies.standard_gaussian(dim))`.

    Raises ValueError for a target without exact draws and log Z.
    """
    if target.sample is None or np.isnan(target.log_z):
        raise ValueError(f"{target.name} has no exact draws or no log Z, so annealing cannot start from it")
    return Base(target.sample, lambda x: -target.energy(x) - target.log_z)


class Annealed(NamedTuple):
    """The result of annealing N chains over K changes of temperature.

    log_z: scalar, in nats. standard_error, ess, pareto_k: of the average of the weights, see `importance.WeightedMean`;
    the error is inf where k̂ is past its limit.
    log_weights: `[N]`; their exponentials average to Z (forward) or 1 / Z (reverse).
    position: ends of the chains; weighted by exp(log_weights) they represent the target (forward) or the base.
    info: `Info` at each inverse temperature, `[K]`: means over chains, `num_nonfinite` a sum.
    """

    log_z: Array
    standard_error: Array
    ess: Array
    pareto_k: Array
    log_weights: Array
    position: PyTree
    info: Info


def check_betas(betas: ArrayLike) -> Array:
    """Inverse temperatures as an array `[K + 1]`. Raises ValueError unless they rise from 0 to 1."""
    try:
        values = np.asarray(betas)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(betas)  # inside jit the values are not known yet
    if values.ndim != 1 or values.size < 2 or values[0] != 0 or values[-1] != 1 or not np.all(np.diff(values) > 0):
        raise ValueError(f"betas must be a vector that rises from 0 to 1, e.g. linspace(0, 1, 101); got {values}")
    return jnp.asarray(betas)


def anneal(
    rng_key: Array,
    position: PyTree,
    base: Base,
    potential: Potential,
    betas: Array,
    make_kernel: Callable[[Potential], Kernel],
    num_steps: int,
) -> tuple[PyTree, Array, Info]:
    """Carry `position`, samples of betas[0], along `betas`: final positions, log weights `[N]`, `Info` of `[K]`.

    Each change of β adds log p_new(x) - log p_old(x) at the current position to the weight, then the chain moves at the
    new β (Neal 2001, section 2). One `lax.scan`: compile time does not depend on the number of β.
    """
    check("annealed importance sampling", potential=potential, make_kernel=make_kernel, num_steps=num_steps)
    bridge = lambda beta: lambda x: beta * potential(x) - (1.0 - beta) * base.log_prob(x)

    def change_beta(carry, inputs):
        position, adapt, log_weights, error = carry
        key, old, new = inputs
        more = (new - old) * -(potential(position) + base.log_prob(position))
        log_weights, error = compensated_add(log_weights, error, more.astype(log_weights.dtype))
        state, info, _ = run_chain(make_kernel(bridge(new)), key, position, num_steps, adapt=adapt)
        means = jax.tree.map(jnp.mean, info)._replace(num_nonfinite=jnp.sum(info.num_nonfinite))
        return (state.position, state.adapt, log_weights, error), means

    start = start_chains(make_kernel(bridge(betas[0])), rng_key, position)
    inputs = (jax.random.split(rng_key, betas.shape[0] - 1), betas[:-1], betas[1:])
    zeros = jnp.zeros_like(start.energy, dtype=jnp.promote_types(start.energy.dtype, jnp.float32))
    carry = (start.position, start.adapt, zeros, zeros)
    (position, _, log_weights, _), info = jax.lax.scan(change_beta, carry, inputs)
    return position, log_weights, info


def annealed_importance_sampling(
    rng_key: Array,
    base: Base,
    potential: Potential,
    *,
    betas: ArrayLike,
    make_kernel: Callable[[Potential], Kernel],
    num_chains: int,
    num_steps: int = 1,
) -> Annealed:
    """log Z = log ∫ exp(-E(x)) dx by chains that move from a base q to the target along q^(1-β) exp(-βE).

    exp(log_weights) is unbiased for Z if the kernel leaves each intermediate density invariant, i.e. has a Metropolis
    correction (mala, hmc); log_z is then a lower bound of log Z in expectation, and in probability: it exceeds
    log Z + b with probability below e^-b. With an unadjusted kernel (langevin) the estimate keeps a bias that the
    standard error does not show: order s², not reduced by more chains.

    Args:
        rng_key: typed key.
        base: exact samples and normalised log density, with heavier tails or more spread than the target.
        potential: E, x -> energy[N].
        betas: `[K + 1]`, rising from 0 to 1. The variance of log_weights falls like 1 / K. May be traced.
        make_kernel: as in `Chain`, called with the intermediate energy; its schedules restart at every β, while
            `ChainState.adapt` is passed on. It must not change coordinates: for neural transport pull the potential
            back first, and start from N(0, I).
        num_chains: N ≥ 2, independent chains. num_steps: transitions at each β; 0 is importance sampling.

    Raises:
        ValueError: betas, num_chains or num_steps outside these ranges.

    Reference: Neal 2001 (arXiv physics/9803008).
    """
    check("annealed importance sampling", num_chains=num_chains)
    start_key, chain_key = jax.random.split(rng_key)
    betas = check_betas(betas)
    position = base.sample(start_key, num_chains)
    position, log_weights, info = anneal(chain_key, position, base, potential, betas, make_kernel, num_steps)
    return Annealed(*average_weights(log_weights), log_weights, position, info)


def reverse_annealed_importance_sampling(
    rng_key: Array,
    position: PyTree,
    base: Base,
    potential: Potential,
    *,
    betas: ArrayLike,
    make_kernel: Callable[[Potential], Kernel],
    num_steps: int = 1,
) -> Annealed:
    """log Z from above: annealing backwards, from samples of the target to the base.

    exp(log_weights) is unbiased for 1 / Z, so log_z is an upper bound of log Z in expectation, if `position` are exact
    samples of exp(-E) / Z; ends of long chains will do if these have mixed. Together with the forward estimate it
    brackets log Z: their gap bounds the error of both.

    Args:
        position: N samples of the target, a pytree of `[N, ...]`. Other arguments as forward; `betas` rise from 0 to 1.

    Reference: Grosse, Ghahramani & Adams 2015 (arXiv 1511.02543), bidirectional Monte Carlo.
    """
    betas = check_betas(betas)[::-1]
    position, log_weights, info = anneal(rng_key, position, base, potential, betas, make_kernel, num_steps)
    log_mean, *trust = average_weights(log_weights)
    return Annealed(-log_mean, *trust, log_weights, position, info)
