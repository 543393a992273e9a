"""Compiled functions applied to more rows than fit at once, in batches of one shape: one trace."""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from ebmjax.types import Array, Method, PyTree, State


def map_batches(fn: Callable, x: PyTree, batch_size: int, *, rng_key: Array | None = None) -> PyTree:
    """fn(x), computed `batch_size` rows at a time, as numpy arrays `[N, ...]`.

    Args:
        fn: (x[batch_size, ...]) -> pytree of [batch_size, ...], row i depending on row i alone; jitted by the caller.
        x: array or pytree of arrays `[N, ...]`, N ≥ 1. The last batch is filled up with copies of the last row.
        rng_key: if given, fn is called as fn(fold_in(rng_key, number of the batch), x) instead.

    Raises ValueError if leaves of x disagree on N, N is 0, or fn does not return `batch_size` rows.
    """
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(x)}
    if len(sizes) != 1 or sizes & {(), (0,)}:
        raise ValueError(f"map_batches: expected arrays [N, ...] with one N ≥ 1, got {jax.tree.map(np.shape, x)}")
    ((num_rows,),) = sizes
    _check_batch_size(batch_size)
    outputs = []
    for i, start in enumerate(range(0, num_rows, batch_size)):
        rows = np.minimum(np.arange(start, start + batch_size), num_rows - 1)
        batch = jax.tree.map(lambda leaf, rows=rows: leaf[rows], x)
        output = fn(batch) if rng_key is None else fn(jax.random.fold_in(rng_key, i), batch)
        outputs.append(_to_host(output, batch_size, "map_batches"))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:num_rows], *outputs)


def sample_in_batches(fn: Callable, rng_key: Array, num: int, batch_size: int) -> PyTree:
    """`num` samples as numpy arrays `[num, ...]`, drawn `batch_size` at a time.

    Args:
        fn: (rng_key, batch_size) -> pytree of [batch_size, ...]; jitted by the caller with static_argnums=1.
        rng_key: batch i gets fold_in(rng_key, i), so asking for more samples leaves the earlier ones as they were.
        num: ≥ 1; the surplus of the last batch is cut off.

    Raises ValueError if num or batch_size is below 1, or fn does not return `batch_size` rows.
    """
    if num < 1:
        raise ValueError(f"sample_in_batches: num must be ≥ 1, got {num}")
    _check_batch_size(batch_size)
    outputs = [
        _to_host(fn(jax.random.fold_in(rng_key, i), batch_size), batch_size, "sample_in_batches")
        for i in range(-(-num // batch_size))
    ]
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:num], *outputs)


def distinct_samples(method: Method, state: State, rng_key: Array, num: int, batch_size: int) -> np.ndarray:
    """`num` samples of a trained method `[num, ...]`, `batch_size` at a time; from a bank, each of another chain.

    Two samples that go on from one persistent chain are nearly the same, so a method with the function
    continue_chains (`data_space.sampling_functions`) has no more samples than chains: ValueError beyond.
    More samples begin with the fewer ones of the same key.
    """
    functions = method.functions
    if "continue_chains" not in functions:
        return sample_in_batches(jax.jit(partial(method.sample, state), static_argnums=1), rng_key, num, batch_size)
    there = functions["num_chains"](state)
    if num > there:
        raise ValueError(
            f"{num} samples of {there} persistent chains would hold near-copies: draw at most {there}, or let samples "
            "start in noise (fresh_steps > 0)"
        )
    order_key, chain_key = jax.random.split(rng_key)
    index = np.asarray(jax.random.permutation(order_key, there))[:num]
    go_on = jax.jit(lambda key, index: functions["continue_chains"](state, key, index))
    return map_batches(go_on, index, batch_size, rng_key=chain_key)


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size must be ≥ 1, got {batch_size}")


def _to_host(output: PyTree, batch_size: int, name: str) -> PyTree:
    """The output as numpy arrays, after a check that it has one row per row of the batch."""
    output = jax.tree.map(np.asarray, output)
    if any(leaf.shape[:1] != (batch_size,) for leaf in jax.tree.leaves(output)):
        shapes = jax.tree.map(np.shape, output)
        raise ValueError(f"{name}: fn must return arrays [{batch_size}, ...], got shapes {shapes}")
    return output
