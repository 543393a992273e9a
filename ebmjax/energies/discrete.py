"""Energies of binary and categorical positions, and the exact law of those with few states, by enumeration.

Bits are floats 0 and 1, categories are one-hot along the last axis, as `mcmc.gibbs_with_gradients` takes them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ebmjax.types import Array, Potential

MAX_STATES = 2**22


def rbm(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Potential:
    """A restricted Boltzmann machine, its hidden units summed out: v[B, V] -> -v·b - Σ_h softplus(c + v W)_h.

    p(v) = Σ_h exp(v W h + b·v + c·h) / Z over h in {0, 1}^H. weights: W, `[V, H]`. visible_bias: b, `[V]`. hidden_bias:
    c, `[H]`. All may be traced, e.g. learned.

    Reference: Smolensky 1986; the free energy as in Hinton 2012 (A practical guide to training RBMs), section 16.1.
    """
    weights, visible_bias, hidden_bias = map(jnp.asarray, (weights, visible_bias, hidden_bias))
    if weights.shape != (visible_bias.size, hidden_bias.size):
        raise ValueError(f"weights must be {(visible_bias.size, hidden_bias.size)}, as the biases are: {weights.shape}")
    return lambda v: -v @ visible_bias - jnp.sum(jax.nn.softplus(hidden_bias + v @ weights), axis=-1)


def neighbours(x: Array, axis: int, periodic: bool) -> tuple[Array, Array]:
    """Sites and their next neighbours along `axis`; of an open lattice without the last sites, which have none."""
    if periodic:
        return x, jnp.roll(x, -1, axis)
    cut = lambda start: jax.lax.slice_in_dim(x, start, x.shape[axis] - 1 + start, axis=axis)
    return cut(0), cut(1)


def ising(coupling: float | Array, field: float | Array = 0.0, *, periodic: bool = True) -> Potential:
    """The Ising model on a lattice of bits x[B, n, m, ...]: -coupling Σ_<ij> s_i s_j - Σ_i field_i s_i, s = 2x - 1.

    coupling > 0 aligns neighbours; on the infinite square lattice they order at log(1 + √2) / 2 = .4407. field: one
    number, or one a site. periodic: every axis is a ring; a ring of two sites has two bonds between them.
    """

    def energy(x):
        s = 2.0 * x - 1.0
        pairs = (neighbours(s, axis, periodic) for axis in range(1, s.ndim))
        bonds = sum(jnp.sum((a * b).reshape(s.shape[0], -1), axis=1) for a, b in pairs)
        return -coupling * bonds - jnp.sum((field * s).reshape(s.shape[0], -1), axis=1)

    return energy


def potts(coupling: float | Array, field: ArrayLike = 0.0, *, periodic: bool = True) -> Potential:
    """The Potts model on a lattice of categories x[B, n, m, ..., K]: -coupling Σ_<ij> x_i·x_j - Σ_i field·x_i.

    x_i·x_j is 1 if both are in one state. field: one number a state `[K]`, or one a site and state. With K = 2 this is
    `ising` of half the coupling, up to a constant. periodic: every axis is a ring.
    """
    field = jnp.asarray(field)

    def energy(x):
        pairs = (neighbours(x, axis, periodic) for axis in range(1, x.ndim - 1))
        bonds = sum(jnp.sum((a * b).reshape(x.shape[0], -1), axis=1) for a, b in pairs)
        return -coupling * bonds - jnp.sum((field * x).reshape(x.shape[0], -1), axis=1)

    return energy


def all_states(shape: tuple[int, ...], num_states: int = 2, *, one_hot: bool = False) -> Array:
    """Every position of `shape` sites with `num_states` each: float32 `[N, *shape]` of 0 .. num_states - 1, or, with
    one_hot, `[N, *shape, num_states]`. N = num_states^sites; the last site changes fastest. At most 2^22 states."""
    sites = int(np.prod(shape))
    if num_states**sites > MAX_STATES:
        raise ValueError(f"{num_states}^{sites} states are too many to enumerate; at most {MAX_STATES}")
    digits = np.arange(num_states**sites)[:, None] // num_states ** np.arange(sites)[::-1] % num_states
    digits = digits.reshape(-1, *shape)
    return jnp.asarray(np.eye(num_states)[digits] if one_hot else digits, jnp.float32)


class Enumerated(NamedTuple):
    """The exact law of a potential on finitely many states.

    states: `[N, ...]`. log_prob: `[N]`, in nats. log_z: log Σ exp(-E / T), float. mean: of the states, `[...]`: the
    marginal of every site (of bits the probability of 1, of one-hot vectors those of the states).
    """

    states: Array
    log_prob: Array
    log_z: float
    mean: Array

    def sample(self, rng_key: Array, num: int) -> Array:
        """Independent exact draws, `[num, ...]`."""
        return self.states[jax.random.categorical(rng_key, self.log_prob, shape=(num,))]


def enumerated(potential: Potential, states: Array, temperature: float = 1.0) -> Enumerated:
    """The law exp(-E / T) over `states`, usually of `all_states`. Sums are in float64, on the host."""
    minus = -np.asarray(jax.jit(potential)(states), np.float64) / temperature
    log_z = np.logaddexp.reduce(minus)
    mean = np.tensordot(np.exp(minus - log_z), np.asarray(states, np.float64), axes=1)
    return Enumerated(states, jnp.asarray(minus - log_z, jnp.float32), float(log_z), jnp.asarray(mean, jnp.float32))
