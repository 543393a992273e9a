"""The geometric path from a base to a target: q^(1-β) exp(-βE), β from 0 to 1. Annealing, SMC and exchange share it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ebmjax.energies import Target
from ebmjax.types import Array, Potential, PyTree


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


def bridge(base: Base, potential: Potential, beta: float | Array) -> Potential:
    """x -> β E(x) - (1 - β) log q(x): the energy of the path at β, from the base (0) to the target (1)."""
    return lambda x: beta * potential(x) - (1.0 - beta) * base.log_prob(x)


def path_slope(base: Base, potential: Potential) -> Potential:
    """x -> V(x) = E(x) + log q(x), the derivative of the path's energy in β.

    A change of β by δ changes log densities by -δ V: all weights and swaps along the path are functions of V.
    """
    return lambda x: potential(x) + base.log_prob(x)


def check_betas(betas: ArrayLike) -> Array:
    """Inverse temperatures as an array `[K + 1]`. Raises ValueError unless they rise from 0 to 1."""
    try:
        values = np.asarray(betas)
    except jax.errors.TracerArrayConversionError:
        return jnp.asarray(betas)  # inside jit the values are not known yet
    if values.ndim != 1 or values.size < 2 or values[0] != 0 or values[-1] != 1 or not np.all(np.diff(values) > 0):
        raise ValueError(f"betas must be a vector that rises from 0 to 1, e.g. linspace(0, 1, 101); got {values}")
    return jnp.asarray(betas)
