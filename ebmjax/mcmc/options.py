"""Options of kernels: schedules, and what each option may be. One table and one error serve all kernels."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.mcmc.mass import DenseMass
from ebmjax.messages import shown
from ebmjax.types import Array, Online, PyTree


class Rule(NamedTuple):
    """wanted: what an option must be, in words. holds: its value -> whether it is, as far as is known."""

    wanted: str
    holds: Callable[[Any], bool]


def at_step(value, step: Array):
    """A scalar, a pytree, or a schedule (callable of the step) evaluated at `step`."""
    return value(step) if callable(value) else value


def traced(value) -> bool:
    """Whether the value is not known yet, inside jit or grad."""
    return isinstance(value, jax.core.Tracer)


def holds_for(value, condition: Callable[[np.ndarray], Any]) -> bool:
    """Whether the value consists of real numbers that all meet `condition`; those that are traced pass."""
    leaves = jax.tree.leaves(value)
    known = [np.asarray(leaf) for leaf in leaves if not traced(leaf)]
    real = lambda a: jnp.issubdtype(a.dtype, jnp.floating) or jnp.issubdtype(a.dtype, jnp.integer)
    return bool(leaves) and all(real(a) and bool(np.all(condition(a.astype(float)))) for a in known)


def scalar(wanted: str, condition: Callable, *, static: bool = False, schedule: bool = False) -> Rule:
    """One number. static: it must be known when the kernel is built. schedule: or a function of the step."""

    def holds(value):
        if callable(value) or (static and traced(value)):
            return schedule
        one = traced(value) or isinstance(value, int | float | np.generic | np.ndarray | jax.Array)
        return one and jnp.shape(value) == () and holds_for(value, condition)

    return Rule(f"{wanted}, or a function of the step" if schedule else wanted, holds)


def count(low: int) -> Rule:
    """A static integer."""

    def holds(value):
        try:
            return not isinstance(value, bool) and not traced(value) and operator.index(value) >= low
        except TypeError:
            return False

    return Rule(f"an integer >= {low}", holds)


def one_of(*names: str | None) -> Rule:
    """One of these strings, or None if it is among them."""
    wanted = ", ".join("None" if name is None else f'"{name}"' for name in names)
    return Rule(f"one of {wanted}", lambda value: (value is None or isinstance(value, str)) and value in names)


def length_holds(value) -> bool:
    """A count, or a traced integer."""
    whole = traced(value) and jnp.issubdtype(value.dtype, jnp.integer)
    return jnp.shape(value) == () if whole else count(1).holds(value)


def mass_holds(value) -> bool:
    """Positive numbers, or a factor with a positive diagonal."""
    if not isinstance(value, DenseMass):
        return holds_for(value, positive)
    shape = jnp.shape(value.factor)
    if len(shape) != 2 or shape[0] != shape[1]:
        return False
    return traced(value.factor) or (holds_for(value, np.isfinite) and bool(np.all(np.diagonal(value.factor) > 0)))


def optional(rule: Rule) -> Rule:
    """None, or what the rule says."""
    return Rule(f"{rule.wanted}, or None", lambda value: value is None or rule.holds(value))


def steps_hold(value) -> bool:
    """Entries may be 0, which keeps a coordinate or a leaf where it is, but not all of them."""
    if callable(value):
        return True
    moving = [leaf for leaf in jax.tree.leaves(value) if traced(leaf) or np.any(np.asarray(leaf))]
    return bool(moving) and holds_for(value, not_negative)


def box_holds(value) -> bool:
    """A pair, low < high as far as both are known."""
    pair = isinstance(value, tuple | list) and len(value) == 2 and holds_for(value, lambda a: ~np.isnan(a))
    return pair and (any(traced(v) for v in value) or bool(np.all(np.asarray(value[0]) < np.asarray(value[1]))))


def is_quantity(leaf) -> bool:
    """Whether this is what `run_chain` may collect: a function (ChainState, Info) -> pytree, or a statistic."""
    return callable(leaf) or isinstance(leaf, Online)


def collect_holds(value) -> bool:
    """Quantities, in a pytree that may be empty."""
    return all(map(is_quantity, jax.tree.leaves(value, is_leaf=is_quantity)))


positive = lambda a: (a > 0) & (a < np.inf)
not_negative = lambda a: (a >= 0) & (a < np.inf)
FUNCTION = Rule("a function", callable)

BOOL = Rule("True or False", lambda value: isinstance(value, bool))

RULES = {
    "potential": FUNCTION,
    "make_kernel": FUNCTION,
    "transport": FUNCTION,
    "sample": FUNCTION,
    "log_prob": FUNCTION,
    "inverse": optional(FUNCTION),
    "collect": Rule("a function, an online statistic, a dict of them, or None", collect_holds),
    "value": FUNCTION,
    "covariance": BOOL,
    "own_keys": BOOL,
    "rule": optional(FUNCTION),
    "step_size": Rule("finite and > 0 (single entries may be 0), or a function of the step", steps_hold),
    "temperature": scalar("one finite number > 0", positive, schedule=True),
    "temperatures": Rule(
        "a vector [R] of finite numbers > 0",
        lambda value: jnp.ndim(value) == 1 and jnp.size(value) > 0 and holds_for(value, positive),
    ),
    "noise_scale": scalar("one finite number >= 0", not_negative),
    "clip_grad": optional(scalar("one number > 0", lambda a: a > 0)),
    "box": optional(Rule("a pair (low, high) with low < high", box_holds)),
    "friction": scalar("one finite number >= 0", not_negative),
    "num_leapfrog": Rule("an integer >= 1", length_holds),
    "num_flips": count(1),
    "categorical": Rule(
        "a bool, or a pytree of bools like the position",
        lambda value: bool(jax.tree.leaves(value)) and all(isinstance(leaf, bool) for leaf in jax.tree.leaves(value)),
    ),
    "jitter": scalar("a static number in [0, 1)", lambda a: (a >= 0) & (a < 1), static=True),
    "inverse_mass": Rule("finite and > 0, or a dense_mass", mass_holds),
    "target": scalar("one number in (0, 1)", lambda a: (a > 0) & (a < 1)),
    "first step_size": scalar("one finite number > 0", positive),
    "num_adapt": optional(scalar("an integer >= 0", lambda a: (a >= 0) & (a == np.round(a)))),
    "decay": scalar("one number in (0.5, 1]", lambda a: (a > 0.5) & (a <= 1)),
    "rate": scalar("one finite number > 0", positive),
    "shrinkage": scalar("one finite number > 0", positive),
    "offset": scalar("one finite number >= 0", not_negative),
    "num_steps": count(0),
    "thin": count(1),
    "unroll": Rule("an integer >= 1, or a bool", lambda value: isinstance(value, bool) or count(1).holds(value)),
    "num_chains": count(1),
    "num_particles": count(1),
    "max_temperatures": count(1),
    "num_rounds": count(1),
    "num_replicas": count(2),
    "ess": scalar("one number in (0, 1)", lambda a: (a > 0) & (a < 1)),
    "tune": FUNCTION,
    "make_exchange": FUNCTION,
    "batch_size": count(1),
    "num_groups": count(1),
    "probability": scalar("one number in [0, 1]", lambda a: (a >= 0) & (a <= 1)),
    "splitting": one_of("OBABO", "BAOAB"),
    "mass": one_of("diagonal", "dense", None),
    "trajectory": one_of("chees", None),
    "pool": one_of("mean", "harmonic", "median"),
    "adaptation": one_of("window", "chees", "meads", "mclmc", "adjusted_mclmc"),
    "algorithm": Rule("a string", lambda value: isinstance(value, str)),
}
"""Option -> what it may be. An option of one name means the same in every kernel."""


def check(where: str, **options) -> None:
    """Raise ValueError, one line, for the first option that is not what `RULES` says. Traced values pass."""
    for name, value in options.items():
        if not RULES[name].holds(value):
            raise ValueError(f"{where}: {name} must be {RULES[name].wanted}, got {shown(value)}")


def check_start(where: str, position: PyTree, *, temperature=1.0, **scales) -> None:
    """Raise ValueError unless `position` is a pytree of arrays `[B, ...]`, B >= 1, that fits the options.

    temperature, scales: options at the first step; schedules are evaluated there. scales: those that multiply the
    position (step_size, inverse_mass), in which case it must be of floats.
    """
    leaves = jax.tree.leaves(position)
    if not leaves or not all(hasattr(leaf, "dtype") for leaf in leaves):
        raise ValueError(f"{where}: positions must be arrays [B, ...] or pytrees of them, got {shown(position)}")
    shapes = jax.tree.map(jnp.shape, position)
    if pytree.num_rows(position) == 0:
        raise ValueError(f"{where}: positions must hold at least one chain, got B = 0 in {shapes}")
    start = jnp.zeros((), jnp.int32)
    check(where, temperature=at_step(temperature, start))
    if scales and not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        raise ValueError(f"{where}: positions must be floats, got {shown(jax.tree.map(jnp.result_type, position))}")
    for name, value in scales.items():
        if isinstance(value, DenseMass):
            check_dense(where, name, value, position)
            continue
        jax.tree.map(
            lambda scale, leaf: check_shape(where, name, jnp.shape(scale), leaf.shape),
            pytree.leafwise(at_step(value, start), position),
            position,
        )


def check_dense(where: str, name: str, mass: DenseMass, position: PyTree) -> None:
    """Raise ValueError unless the mass is one of all entries of one chain's position."""
    dim = pytree.row_size(position)
    if jnp.shape(mass.factor) != (dim, dim):
        raise ValueError(f"{where}: {name} is dense over {len(mass.factor)} entries, but a position has {dim}")


def check_shape(where: str, name: str, shape: tuple[int, ...], position: tuple[int, ...]) -> None:
    """Raise ValueError unless an option of `shape` broadcasts against positions, its meaning being clear.

    An array `[B]` against `[B, D]` would be read as one value for each of D = B columns.
    """
    if len(shape) < len(position) and shape[:1] == position[:1] != (1,):
        raise ValueError(
            f"{where}: {name} of shape {shape} may mean {position[0]} chains or columns of positions {position}: "
            f"give it {len(position)} axes, the first of them {position[0]} for chains or 1 for columns"
        )
    if len(shape) > len(position) or any(n not in (1, m) for n, m in zip(shape[::-1], position[::-1])):
        raise ValueError(f"{where}: {name} of shape {shape} does not broadcast against positions {position}")
