"""Helpers for positions and parameters that are pytrees with a common first axis of chains."""

import math
from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

from ebmjax.types import Array, Potential, PyTree


def num_rows(tree: PyTree) -> int:
    """Length B of the first axis, the same in every leaf `[B, ...]`. Raises ValueError if leaves disagree."""
    sizes = {leaf.shape[0] if getattr(leaf, "ndim", 0) else -1 for leaf in jax.tree.leaves(tree)}
    if len(sizes) != 1 or -1 in sizes:
        raise ValueError(f"all leaves of a position need the same first axis, got {jax.tree.map(jnp.shape, tree)}")
    return sizes.pop()


def row_size(tree: PyTree) -> int:
    """Number D of entries in one row, over all leaves `[B, ...]`."""
    return sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(tree))


def at_least_float32(tree: PyTree) -> PyTree:
    """bfloat16, float16 and smaller floats become float32, other leaves stay: where sums and small steps need it."""
    narrow = lambda a: jnp.issubdtype(kind := jnp.result_type(a), jnp.floating) and jnp.finfo(kind).bits < 32
    return jax.tree.map(lambda a: a.astype(jnp.float32) if narrow(a) else a, tree)


def spread_like(tree: PyTree, *others: Array) -> PyTree:
    """`tree`, of `[B, ...]`, spread over all axes of the mesh over which `others`, scalars or `[B]`, are spread.

    Inside `shard_map` and with explicit axes the type of an array says how it is spread, and a loop needs the same type
    at both ends. Values do not change. With automatic axes or without a mesh, `tree` itself is returned.
    """
    if all(kind == AxisType.Auto for kind in jax.sharding.get_abstract_mesh().axis_types):
        return tree
    zero = reduce(jnp.add, [jnp.zeros_like(other, dtype=jnp.int32) for other in others])
    return jax.tree.map(lambda a: a + zero.reshape(zero.shape + (1,) * (a.ndim - zero.ndim)).astype(a.dtype), tree)


def compensated_add(total: PyTree, error: PyTree, term: PyTree) -> tuple[PyTree, PyTree]:
    """(total + term, its rounding error), given the rounding error of `total`; both start at 0.

    A sum of n float32 terms then has a relative error of 1e-7 whatever n is; a plain one is off by up to 1e-7 n.

    Reference: Kahan 1965 (Further remarks on reducing truncation errors).
    """
    term = jax.tree.map(lambda t, e: t - e, term, error)
    new = jax.tree.map(jnp.add, total, term)
    lost = lambda n, s, t: jax.lax.stop_gradient(jnp.where(jnp.isfinite(n), (n - s) - t, 0.0))
    return new, jax.tree.map(lost, new, total, term)


def normal_like(rng_key: Array, tree: PyTree) -> PyTree:
    """Independent N(0, 1) draws in the shapes and dtypes of `tree`."""
    leaves, treedef = jax.tree.flatten(tree)
    keys = [rng_key] if len(leaves) == 1 else jax.random.split(rng_key, len(leaves))
    return treedef.unflatten([_normal(k, a.shape, a.dtype) for k, a in zip(keys, leaves)])


LARGE_DRAW = 2**17
"""Arrays of at least this many normals are drawn in blocks, each small enough for the cache of one core."""


def _normal(rng_key, shape, dtype):
    """N(0, 1) draws, laid out for XLA's CPU code, which is fast along a long minor axis and within its cache.

    Small draws with a short minor axis are drawn flat and reshaped. XLA would fuse a plain reshape into the generator,
    which is four times slower with a minor axis of 10; it does not fuse across a branch (here of two equal sides,
    chosen by a bit unknown at compile time). Large draws are made in blocks, each with its own key; the values do not
    depend on whether blocks are drawn one by one (on one CPU) or all at once.
    """
    size = int(np.prod(shape))
    on_cpu = jax.default_backend() == "cpu"
    draw = lambda key, num: jax.random.normal(key, (num,), dtype)
    num_blocks = math.gcd(size, 64)
    if size >= LARGE_DRAW and num_blocks > 1:
        one_by_one = on_cpu and jax.device_count() == 1  # a loop could not be split over devices
        spread = jax.lax.map if one_by_one else lambda f, keys: jax.vmap(f)(keys)
        blocks = spread(lambda key: draw(key, size // num_blocks), jax.random.split(rng_key, num_blocks))
        return blocks.reshape(shape)
    if len(shape) < 2 or shape[-1] > 64 or not on_cpu:
        return draw(rng_key, size).reshape(shape)
    bit = jax.random.key_data(rng_key).reshape(-1)[0] % 2 == 0
    flat = lambda key: draw(key, size)
    return jax.lax.cond(bit, flat, flat, rng_key).reshape(shape)


def leafwise(value: PyTree, tree: PyTree) -> PyTree:
    """Broadcast `value`, one scalar or a pytree of scalars / arrays like `tree`, to the leaves of `tree`."""
    if jax.tree.structure(value) == jax.tree.structure(tree):
        return value
    if len(jax.tree.leaves(value)) == 1 and jax.tree.structure(value) == jax.tree.structure(0):
        return jax.tree.map(lambda _: value, tree)
    raise ValueError(
        f"expected one scalar or a pytree like the position {jax.tree.structure(tree)}, got {jax.tree.structure(value)}"
    )


def per_row(row_values: Array, leaf: Array) -> Array:
    """Reshape `[B]` so that it broadcasts against a leaf `[B, ...]`."""
    return row_values.reshape(row_values.shape + (1,) * (leaf.ndim - 1))


def where_rows(condition: Array, x: PyTree, y: PyTree) -> PyTree:
    """Row i of `x` where condition[i], else row i of `y`. condition: bool `[B]`."""
    return jax.tree.map(lambda a, b: jnp.where(per_row(condition, a), a, b), x, y)


def sum_rows(tree: PyTree) -> Array:
    """Sum over everything but the first axis, and over leaves: `[B]`."""
    rows = [jnp.sum(leaf.reshape(leaf.shape[0], -1), axis=1) for leaf in jax.tree.leaves(tree)]
    return sum(rows[1:], rows[0])


def square_norm_rows(tree: PyTree) -> Array:
    """Squared Euclidean norm of each row over all leaves: `[B]`."""
    return sum_rows(jax.tree.map(jnp.square, tree))


def ravel_rows(tree: PyTree) -> tuple[Array, Callable[[Array], PyTree]]:
    """Rows as vectors `[B, D]`, leaf after leaf, and the inverse, from `[B', D]` to rows shaped as in `tree`."""
    leaves, treedef = jax.tree.flatten(tree)
    ends = np.cumsum([math.prod(leaf.shape[1:]) for leaf in leaves])[:-1]

    def unravel(rows):
        parts = jnp.split(rows, ends, axis=1)
        return treedef.unflatten([p.reshape(-1, *leaf.shape[1:]) for p, leaf in zip(parts, leaves)])

    return jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1), unravel


def spread(tree: PyTree) -> Array:
    """Standard deviation over the rows, averaged over entries and leaves: a scalar, 0 if all rows are equal."""
    return jnp.mean(jnp.std(ravel_rows(tree)[0], axis=0))


def finite_rows(tree: PyTree) -> Array:
    """Whether every entry of each row is finite: bool `[B]`."""
    return reduce(jnp.logical_and, [_finite_rows(leaf.reshape(leaf.shape[0], -1)) for leaf in jax.tree.leaves(tree)])


def _finite_rows(rows):
    """0 · x is NaN exactly where x is not finite; for long rows a sum is faster than a reduction of booleans."""
    return jnp.isfinite(jnp.sum(0 * rows, axis=1)) if rows.shape[1] > 16 else jnp.all(jnp.isfinite(rows), axis=1)


def energy_rows(potential: Potential, x: PyTree) -> Array:
    """Energies `[B]`. Raises ValueError if the potential returns another shape."""
    energy, num = potential(x), num_rows(x)
    if jnp.shape(energy) != (num,):
        raise ValueError(f"a potential must return energy[B] = ({num},), got shape {jnp.shape(energy)}")
    return energy


def value_and_grad_rows(potential: Potential, x: PyTree) -> tuple[Array, PyTree]:
    """Energies `[B]`, at least float32, and gradients, by one gradient of the summed energy (rows are independent)."""

    def total(y):
        energy = at_least_float32(energy_rows(potential, y))
        return jnp.sum(energy), energy

    grad, energy = jax.grad(total, has_aux=True)(x)
    return energy, grad


def global_norm(tree: PyTree) -> Array:
    """Euclidean norm over all leaves: a scalar."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))
