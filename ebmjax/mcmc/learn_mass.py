"""A diagonal mass from the variances of pooled chains, learned while they warm up."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ebmjax.mcmc.base import run_chain
from ebmjax.types import Array, Kernel, PyTree


def shrunk_variance(draws: PyTree) -> PyTree:
    """Variance of every coordinate over all draws of all chains, for a kernel's `inverse_mass`: leaves `[T, C, ...]`
    -> `[1, ...]`, whose first axis says that they are of all chains.

    Shrunk towards 1e-3 as by 5 draws, (n v + 5e-3) / (n + 5) with n = T C: Stan Reference Manual, "Automatic parameter
    tuning".
    """

    def shrunk(x):
        num = x.shape[0] * x.shape[1]
        return (num * jnp.var(x, axis=(0, 1))[None] + 5e-3) / (num + 5)

    return jax.tree.map(shrunk, draws)


def learn_inverse_mass(
    make_kernel: Callable[[PyTree], Kernel],
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    num_windows: int = 2,
) -> tuple[PyTree, PyTree]:
    """(positions after `num_steps` transitions, inverse mass): chains `[C, ...]` that learn their diagonal mass.

    Every window runs the kernel of the mass so far, first 1, and takes the variances of the second half of its draws,
    pooled over chains. Rounding leaves up to num_windows - 1 transitions out.

    Args:
        make_kernel: inverse mass (a pytree like a position of one chain, `[1, ...]`) -> kernel, e.g. hmc in
            `adapt_step_size`, whose step size starts anew in every window: adapt it once more with the mass returned.
        num_windows: ≥ 1; num_steps / num_windows ≥ 2, at least about 50.
    """
    length = num_steps // num_windows
    if length < 2:
        raise ValueError(f"learn_inverse_mass: {num_steps} steps are too few for {num_windows} windows of at least 2")
    inverse_mass = jax.tree.map(lambda x: jnp.ones((1, *x.shape[1:]), x.dtype), position)
    for key in jax.random.split(rng_key, num_windows):
        first_key, last_key = jax.random.split(key)
        kernel = make_kernel(inverse_mass)
        state, _, _ = run_chain(kernel, first_key, position, length - length // 2)
        collect = lambda state, info: state.position
        state, _, draws = run_chain(kernel, last_key, state.position, length // 2, adapt=state.adapt, collect=collect)
        position, inverse_mass = state.position, shrunk_variance(draws)
    return position, inverse_mass
