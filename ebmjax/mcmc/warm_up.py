"""A warm-up that learns step size, mass and trajectory length from all chains, and returns the kernel with them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.mcmc import chees
from ebmjax.mcmc.adapt import (
    POOLS,
    StepSize,
    check_adjusted,
    dual_averaging,
    pooled_error,
    telling_rates,
    update_step_size,
)
from ebmjax.mcmc.base import start_chains
from ebmjax.mcmc.mass import DenseMass, PooledMoments, add_draws, estimated_mass, no_draws, whitened
from ebmjax.mcmc.options import check, check_start, traced
from ebmjax.types import Array, ChainState, Kernel, Potential, PyTree

QUARTER = np.pi / 2
"""The time in which Hamiltonian motion turns N(0, I) by a quarter: the first trajectory length once there is a mass."""


class WarmUp(NamedTuple):
    """What `warm_up` found. Numbers are Python's and NumPy's, unless it ran inside jit.

    kernel: `make_kernel` with the numbers below; it does not adapt. position: of the chains, like the start.
    step_size: a scalar. inverse_mass: a pytree like a position of one chain, leaves `[1, ...]`, or a `DenseMass`; None
    if none was asked for. num_leapfrog, trajectory: what ChEES found, the mean number of steps of a trajectory and
    its mean length in units of step_size, else None. acceptance, num_nonfinite: `[B]`, mean acceptance rate and number
    of non-finite proposals of each chain in the last window, whose step sizes still moved.
    """

    kernel: Kernel
    position: PyTree
    step_size: float | Array
    inverse_mass: PyTree | DenseMass | None
    num_leapfrog: int | Array | None
    trajectory: float | Array | None
    acceptance: Array
    num_nonfinite: Array


class Found(NamedTuple):
    """What goes from window to window; scalars but for the state, the mass, and the totals `[B]` of the window."""

    state: ChainState
    step_size: Array
    inverse_mass: PyTree | DenseMass | None
    log_length: Array
    acceptance: Array
    num_nonfinite: Array


class Window(NamedTuple):
    """What goes from transition to transition within a window. first: log of its first step size."""

    state: ChainState
    step_size: StepSize
    length: chees.Length
    moments: PooledMoments
    acceptance: Array
    num_nonfinite: Array


def warm_up(
    make_kernel: Callable[..., Kernel],
    potential: Potential,
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    step_size: float | Array = 0.1,
    target: float | Array = 0.8,
    mass: str | None = "diagonal",
    trajectory: str | None = None,
    pool: str = "mean",
) -> WarmUp:
    """Run B chains for `num_steps` transitions, and learn from all of them how to go on.

        tuned = warm_up(hmc, potential, warm_key, start, 1000, trajectory="chees")
        run_chain(tuned.kernel, chain_key, tuned.position, 1000)

    The transitions are split into windows: one for the chains to arrive, some of doubling length that each end with a
    new mass from their pooled draws, and a last one (`window_lengths`). Every window searches the step size from which
    it starts, by doubling and halving, and then follows the target acceptance by dual averaging; the average of the
    last window is kept. Chains that are dead are left out of everything (`adapt.telling_rates`). All of it is one
    compiled program, in which the kernel stands twice. Chains that warm up are not samples: drop their draws.

    Inside jit, nothing is known yet, and the result holds traced arrays; take its fields out rather than the kernel.
    Inside `shard_map` every device learns from its own chains. On a mesh with explicit axes a dense mass cannot be.

    Args:
        make_kernel: (potential, *, step_size, inverse_mass) -> Kernel with Metropolis steps, e.g. `hmc`,
            `partial(hmc, num_leapfrog=5)`, `partial(from_blackjax, algorithm="nuts")`. With `mass=None` only step_size
            is given, and `mala` will do. (`mala` with a mass is `hmc` with num_leapfrog = 1, jitter = 0.)
        potential: x -> energy[B].
        position: pytree of `[B, ...]`; chains best start apart.
        num_steps: ≥ 1; with a mass ≥ 20, and better some hundreds.
        step_size: > 0, a scalar, where the search starts.
        target: pooled acceptance rate in (0, 1) to reach: 0.651 to 0.8 for hmc, 0.8 for nuts, 0.574 for mala.
        mass: "diagonal", "dense" (hmc and nuts; its cost per transition is B D²) or None.
        trajectory: None keeps num_leapfrog as `make_kernel` has it. "chees" learns it (hmc, B ≥ 2): trajectories of the
            mean length T that maximises the change of |x - mean|², in units of the mass. For N(0, I) and jitter .5,
            T = 1.43.
        pool: how the acceptance rates of chains become one: "mean", "median", or "harmonic", which is nearer to the
            worst chain.

    Raises:
        ValueError: an option outside these ranges; a kernel without Metropolis steps; "chees" for another kernel than
            hmc, or with one chain.

    Reference: Hoffman & Gelman 2014 (arXiv 1111.4246), algorithms 4 and 5; Stan Reference Manual, "Automatic parameter
    tuning", for the windows and the mass; Hoffman, Radul & Sountsov 2021 for ChEES.
    """
    check("warm_up", potential=potential, make_kernel=make_kernel, target=target, num_steps=num_steps)
    check("warm_up", mass=mass, trajectory=trajectory, pool=pool, **{"first step_size": step_size})
    check_start("warm_up", position)
    by_chees = trajectory == "chees"
    lengths = window_lengths(num_steps, by_chees) if mass else [num_steps]

    def build(step_size, inverse_mass, num_leapfrog):
        options = {"step_size": step_size, "inverse_mass": inverse_mass, "num_leapfrog": num_leapfrog}
        return make_kernel(potential, **{name: value for name, value in options.items() if value is not None})

    start_mass = first_mass(position, mass)
    first = build(step_size, start_mass, 1 if trajectory else None)
    check_adjusted("warm_up", first)
    if trajectory and (first.trajectory is None or pytree.num_rows(position) < 2):
        raise ValueError('warm_up: trajectory = "chees" needs hmc, and at least two chains')

    @jax.jit
    def run(rng_key, position, step_size):
        state = start_chains(first, rng_key, position)
        scalar = lambda value: jnp.asarray(value, jnp.promote_types(state.energy.dtype, jnp.float32))
        none = jnp.zeros_like(state.energy, dtype=scalar(0).dtype)
        found = Found(state, scalar(step_size), start_mass, scalar(0), none, none)
        found = pytree.spread_like(found, jnp.sum(state.energy))
        keys = jax.random.split(rng_key, len(lengths))
        one = partial(run_window, build, target=target, pool=pool, mass=mass, by_chees=by_chees)
        windows = (keys, jnp.asarray(lengths), jnp.arange(len(lengths)))
        found, _ = jax.lax.scan(
            lambda found, window: (one(found, *window, last=len(lengths) - 1), None), found, windows
        )
        return found._replace(state=found.state.position)

    found = run(rng_key, position, step_size)
    if not any(traced(leaf) for leaf in jax.tree.leaves(found)):
        found = jax.tree.map(lambda leaf: leaf.item() if leaf.ndim == 0 else leaf, jax.device_get(found))
    steps = length = None
    if trajectory:
        length = jnp.exp(found.log_length) if traced(found.log_length) else float(np.exp(found.log_length))
        steps = chees.leapfrog_steps(found.log_length, found.step_size)
        steps = steps if traced(steps) else int(steps)
    kernel = build(found.step_size, found.inverse_mass, steps)
    totals = (found.acceptance / lengths[-1], found.num_nonfinite)
    return WarmUp(kernel, found.state, found.step_size, found.inverse_mass, steps, length, *totals)


def window_lengths(num_steps: int, by_chees: bool = False) -> list[int]:
    """Numbers of transitions: an arrival of 75, windows of 25, 50, 100 ... that end with a new mass, and a last one of
    50, or of 150 if it must find a trajectory length too.

    The last of the doubling windows takes what is left. With fewer transitions than the three parts need, arrival and
    last window are 15 and 10 % (30 %) of them, and one window learns the mass.

    Reference: Stan Reference Manual, "Automatic parameter tuning".
    """
    if num_steps < 20:
        raise ValueError(f"warm_up: num_steps = {num_steps} is too few to learn a mass: at least 20, better hundreds")
    first, size, last = 75, 25, 150 if by_chees else 50
    if num_steps < first + size + last:
        first, last = int(0.15 * num_steps), int((0.3 if by_chees else 0.1) * num_steps)
        size = num_steps - first - last
    left, lengths = num_steps - first - last, [first]
    while left:
        lengths.append(size if left >= 3 * size else left)
        left, size = left - lengths[-1], 2 * size
    return [*lengths, last]


def first_mass(position: PyTree, mass: str | None) -> PyTree | DenseMass | None:
    """The unit mass, in the form that `mass` will have."""
    if mass == "dense":
        return DenseMass(jnp.eye(pytree.row_size(position)))
    ones = lambda x: jnp.ones((1, *x.shape[1:]), jnp.promote_types(x.dtype, jnp.float32))
    return jax.tree.map(ones, position) if mass else None


def run_window(build, found: Found, rng_key, num_steps, index, *, last, target, pool, mass, by_chees) -> Found:
    """One window: search the first step size, run `num_steps` transitions, and take a mass unless it is the first or
    the last window. index: of the window, traced."""
    search_key, chain_key = jax.random.split(rng_key)
    inverse_mass = found.inverse_mass

    def trial(step_size):
        _, info = build(step_size, inverse_mass, 1 if by_chees else None).step(search_key, found.state)
        return POOLS[pool](telling_rates(info.acceptance_rate, found.state.energy, target))

    first = crossing_step_size(trial, found.step_size)
    # One step at first, since from far too long a trajectory, whose end is independent of its start, no gradient leads
    # back; a quarter turn with every new mass, in whose units the former length means nothing.
    log_length = jnp.where(index == 0, jnp.log(first), found.log_length)
    log_length = jnp.where(index > 1, jnp.log(QUARTER), log_length)

    def transition(i, window):
        step_size = jnp.exp(window.step_size.log_step)
        steps = chees.leapfrog_steps(window.length.log_length, step_size) if by_chees else None
        kernel, key, before = build(step_size, inverse_mass, steps), jax.random.fold_in(chain_key, i), window.state
        state, info, *ends = (kernel.trajectory if by_chees else kernel.step)(key, before)
        rates = telling_rates(info.acceptance_rate, before.energy, target)
        moments, length = add_draws(window.moments, before.position, ~jnp.isnan(rates)), window.length
        if by_chees:
            gradients = length_gradients(before.position, *ends, step_size, moments.mean, inverse_mass)
            length = chees.update_length(length, gradients, jnp.nan_to_num(rates))
        error = pooled_error(info.acceptance_rate, before.energy, target, pool)
        adapted = update_step_size(window.step_size, error, jnp.log(first), rule=dual_averaging())
        totals = (window.acceptance + info.acceptance_rate, window.num_nonfinite + info.num_nonfinite)
        return Window(state, adapted, length, moments, *totals)

    log_first, none = jnp.log(first), 0 * found.acceptance
    adapted = StepSize(log_first, log_first, 0 * log_first, jnp.zeros((), jnp.int32), ())
    moments = no_draws(found.state.position, dense=mass == "dense")
    window = Window(found.state, adapted, chees.first_length(log_length), moments, none, none)
    window = pytree.spread_like(window, jnp.sum(found.state.energy))
    window = jax.lax.fori_loop(0, num_steps, transition, window)
    if mass:
        new = estimated_mass(window.moments, found.state.position, dense=mass == "dense")
        # Too few draws for a dense mass in float32 give no factor: the former mass stays.
        finite = jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(new)])
        learns = (index > 0) & (index < last) & jnp.all(finite)
        inverse_mass = jax.tree.map(lambda new, old: jnp.where(learns, new, old), new, inverse_mass)
    step_size = jnp.exp(window.step_size.log_average)
    return Found(
        window.state, step_size, inverse_mass, window.length.log_average, window.acceptance, window.num_nonfinite
    )


def length_gradients(position, end, step_size, mean, inverse_mass) -> Array:
    """`chees.chees_gradient` `[B]` of trajectories from `position`, in coordinates of unit mass about the mean."""
    centre = pytree.ravel_rows(position)[1](mean)
    off = lambda x: whitened(jax.tree.map(jnp.subtract, x, centre), 1.0 if inverse_mass is None else inverse_mass)
    momentum = pytree.ravel_rows(end.momentum)[0]
    return chees.chees_gradient(off(position), off(end.position), momentum, end.num_leapfrog * step_size)


def crossing_step_size(trial: Callable[[Array], Array], step_size: Array) -> Array:
    """`step_size` doubled or halved, at most 40 times, until the acceptance `trial(step_size)` crosses 1/2.

    Reference: Hoffman & Gelman 2014, algorithm 4.
    """

    def further(carry):
        step_size, rising, _, count = carry
        rate = trial(step_size)
        rising = jnp.where(count == 0, rate > 0.5, rising)
        goes_on = ((rate > 0.5) == rising) & ~jnp.isnan(rate)
        return jnp.where(goes_on, step_size * jnp.where(rising, 2.0, 0.5), step_size), rising, goes_on, count + 1

    goes_on = lambda carry: carry[2] & (carry[3] < 40)
    yes = step_size > 0
    return jax.lax.while_loop(goes_on, further, (step_size, yes, yes, jnp.zeros((), jnp.int32)))[0]
