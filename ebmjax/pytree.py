"""Helpers for positions and parameters that are pytrees with a common first axis of chains."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.types import Array, Potential, PyTree


def num_rows(tree: PyTree) -> int:
    """Length B of the first axis, the same in every leaf `[B, ...]`. Raises ValueError if leaves disagree."""
    sizes = {leaf.shape[0] if leaf.ndim else -1 for leaf in jax.tree.leaves(tree)}
    if len(sizes) != 1 or -1 in sizes:
        raise ValueError(f"all leaves of a position need the same first axis, got {jax.tree.map(jnp.shape, tree)}")
    return sizes.pop()


def normal_like(rng_key: Array, tree: PyTree) -> PyTree:
    """Independent N(0, 1) draws in the shapes and dtypes of `tree`."""
    leaves, treedef = jax.tree.flatten(tree)
    keys = [rng_key] if len(leaves) == 1 else jax.random.split(rng_key, len(leaves))
    return treedef.unflatten([_normal(k, a.shape, a.dtype) for k, a in zip(keys, leaves)])


def _normal(rng_key, shape, dtype):
    """Drawn flat and reshaped: the same values, but XLA's CPU code runs along the minor axis.

    A reshape alone is fused back into the generator, which over a minor axis of 10 is four times slower. A branch
    (of two equal sides, taken by a bit that is not known when compiling) is not fused across.
    """
    draw = lambda key: jax.random.normal(key, (int(np.prod(shape)),), dtype)
    if len(shape) < 2 or shape[-1] > 64 or jax.default_backend() != "cpu":
        return draw(rng_key).reshape(shape)
    bit = jax.random.key_data(rng_key).reshape(-1)[0] % 2 == 0
    return jax.lax.cond(bit, draw, draw, rng_key).reshape(shape)


def leafwise(value: PyTree, tree: PyTree) -> PyTree:
    """Spread `value`, one scalar or a pytree of scalars / arrays like `tree`, over the leaves of `tree`."""
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


def finite_rows(tree: PyTree) -> Array:
    """Whether every entry of each row is finite: bool `[B]`."""
    rows = [jnp.all(jnp.isfinite(leaf.reshape(leaf.shape[0], -1)), axis=1) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(rows), axis=0)


def value_and_grad_rows(potential: Potential, x: PyTree) -> tuple[Array, PyTree]:
    """Energies `[B]` and their gradients, by one gradient of the summed energy (rows are independent)."""

    num = num_rows(x)

    def total(y):
        energy = potential(y)
        if energy.shape != (num,):
            raise ValueError(f"a potential must return energy[B] = ({num},), got shape {energy.shape}")
        return jnp.sum(energy), energy

    grad, energy = jax.grad(total, has_aux=True)(x)
    return energy, grad


def global_norm(tree: PyTree) -> Array:
    """Euclidean norm over all leaves: a scalar."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))
