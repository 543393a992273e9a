"""Stability of Langevin steps: the step size compared with the curvature of the energy."""

import jax
import jax.numpy as jnp

from ebmjax import pytree
from ebmjax.types import Array, Potential, PyTree


def stability_index(
    potential: Potential,
    x: PyTree,
    rng_key: Array,
    *,
    step_size: float | Array | PyTree,
    temperature: float | Array = 1.0,
    num_iterations: int = 30,
) -> Array:
    """s² λ_max / (2T) of each row, λ_max the largest eigenvalue of the energy's Hessian there: `[B]`.

    A Langevin step contracts a quadratic of curvature λ by 1 - s² λ / (2T): with an index above 1 it oscillates, from
    2 on the chain diverges. Negative where the energy is concave in every direction. With s = 1 and T = 1/2 the index
    is λ_max itself.

    Args:
        potential: x -> energy[B], twice differentiable, rows independent.
        x: pytree of `[B, ...]`, the points.
        rng_key: typed key of the starting directions.
        step_size: s, a scalar or a pytree like x (then λ_max of S · Hessian · S).
        temperature: T > 0.
        num_iterations: of two power iterations, which take 2 · num_iterations + 2 Hessian-vector products. The result
            approaches λ_max from below; each iteration shrinks the error by the squared ratio of the two largest
            eigenvalues.
    """
    scale = pytree.leafwise(step_size, x)
    _, hessian = jax.linearize(lambda y: pytree.value_and_grad_rows(potential, y)[1], x)
    times = lambda v: jax.tree.map(lambda a, s: (a * s).astype(a.dtype), v, scale)

    def product(v, shift):
        return jax.tree.map(lambda h, a: h + pytree.per_row(shift, a) * a, times(hessian(times(v))), v)

    first_key, second_key = jax.random.split(rng_key)
    zero = jnp.zeros((pytree.num_rows(x),), jax.tree.leaves(x)[0].dtype)
    dominant, direction = power_iteration(lambda v: product(v, zero), pytree.normal_like(first_key, x), num_iterations)
    # The eigenvalue of largest magnitude may be a negative one; shifted by it, the spectrum starts at 0.
    shift = jnp.maximum(-dominant, 0.0)
    start = pytree.where_rows(dominant < 0, pytree.normal_like(second_key, x), direction)
    largest, _ = power_iteration(lambda v: product(v, shift), start, num_iterations)
    return (largest - shift) / (2 * temperature)


def power_iteration(product, v: PyTree, num_iterations: int) -> tuple[Array, PyTree]:
    """Rayleigh quotient `[B]` and direction after `num_iterations` of v <- A v / |A v|, each row with its own A."""

    def normalise(v):
        norm = jnp.sqrt(pytree.square_norm_rows(v))
        return jax.tree.map(lambda a: a / pytree.per_row(jnp.where(norm > 0, norm, 1.0), a), v)

    v = jax.lax.fori_loop(0, num_iterations, lambda _, v: normalise(product(v)), normalise(v))
    return pytree.sum_rows(jax.tree.map(jnp.multiply, v, product(v))), v
