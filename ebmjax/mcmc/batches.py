"""More chains than fit on a device: they are run batch after batch, from the host and back to it."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.mcmc.base import run_chain, split_chains
from ebmjax.mcmc.options import check, check_start, is_quantity
from ebmjax.types import Array, ChainState, Info, Kernel, Online, PyTree


def run_in_batches(
    kernel: Kernel | Callable[[PyTree], Kernel],
    rng_key: Array,
    position: PyTree,
    num_steps: int,
    *,
    batch_size: int,
    data: PyTree | None = None,
    own_keys: bool = False,
    collect: Callable[[ChainState, Info], PyTree] | Online | PyTree | None = None,
    thin: int = 1,
    unroll: int = 1,
) -> tuple[PyTree, Info, PyTree]:
    """`run_chain` of C chains, `batch_size` at a time: the device needs the memory of one batch.

    Batch i, of the chains from i · batch_size on, is `run_chain` of these with the key `fold_in(rng_key, i)`, bit for
    bit. Chains that share something, such as a step size that adapts, share it within their batch.

    Args:
        kernel: as for `run_chain`; with `data` a function of rows of data that returns the kernel of these rows, such
            as `lambda images: hmc(posterior_of(images), step_size=0.1)`.
        rng_key, num_steps, collect, thin, unroll: as for `run_chain`. Not inside jit: the loop over batches is one of
            Python, and each call compiles its batch (and a last one that is smaller).
        position: pytree of `[C, ...]`, of the host or of a device.
        batch_size: ≥ 1. data: pytree of `[C, ...]`, row c being that of chain c.
        own_keys: chain c draws its noise with its own key `fold_in(rng_key, c)`, as if it ran alone. Its path is then
            the same for every batch_size, up to the rounding of matrix products, which may depend on the number of
            rows; a step size that adapts is each chain's own.

    Returns:
        (positions at the end, `Info`, what was collected), of all chains, as NumPy arrays.

    Raises:
        ValueError: as `run_chain`; a kernel that takes all C rows at once, but not batch_size of them.
    """
    check("run_in_batches", num_steps=num_steps, batch_size=batch_size, own_keys=own_keys, collect=collect)
    check_start("run_in_batches", position)
    num = pytree.num_rows(position)
    if isinstance(kernel, Kernel) != (data is None):
        raise ValueError("run_in_batches: a function of rows of data needs data, and a kernel takes none")
    make_kernel = (lambda rows: kernel) if isinstance(kernel, Kernel) else kernel
    check_rows(make_kernel, position, data, min(batch_size, num))
    quantities, structure = jax.tree.flatten(collect, is_leaf=is_quantity)
    axes = [0, 0, *[0 if isinstance(quantity, Online) else 1 for quantity in quantities]]  # where the chains are

    def run(rng_key, number, x, data):
        end, info, found = run_chain(
            make_kernel(data), rng_key, x, num_steps, collect=quantities, thin=thin, unroll=unroll
        )
        return [end.position, info, *found]

    def run_alone(rng_key, number, x, data):
        one = lambda key, *row: run(key, number, *jax.tree.map(lambda a: a[None], row))
        keys = jax.vmap(lambda c: jax.random.fold_in(rng_key, c))(number)
        found = jax.vmap(one, out_axes=axes)(keys, split_chains(x), data)
        return [jax.tree.map(lambda a: jnp.squeeze(a, axis + 1), part) for part, axis in zip(found, axes)]

    compiled = jax.jit(run_alone if own_keys else run)
    whole: list[PyTree] = []
    for i, rows in enumerate(batches(num, batch_size)):
        key = rng_key if own_keys else jax.random.fold_in(rng_key, i)
        x, given = jax.tree.map(lambda a: a[rows], (position, data))
        parts = jax.device_get(compiled(key, np.arange(rows.start, rows.stop), x, given))
        whole = whole or [empty_like(part, num, axis) for part, axis in zip(parts, axes)]
        for destination, part, axis in zip(whole, parts, axes):
            jax.tree.map(lambda to, a: np.copyto(to[(slice(None),) * axis + (rows,)], a), destination, part)
    position, info, *collected = whole
    return position, info, jax.tree.unflatten(structure, collected)


def batches(num: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` of `num` rows, in their order."""
    return (slice(start, min(start + size, num)) for start in range(0, num, size))


def empty_like(part: PyTree, num: int, axis: int) -> PyTree:
    """Uninitialised arrays for the results of `num` chains, which `part` has along `axis` for one batch."""
    return jax.tree.map(lambda a: np.empty((*a.shape[:axis], num, *a.shape[axis + 1 :]), a.dtype), part)


def check_rows(make_kernel: Callable[[PyTree], Kernel], position: PyTree, data: PyTree, size: int) -> None:
    """Raise ValueError if the kernel takes all chains but not `size` of them: it holds data of every chain."""

    def fails(num):
        try:
            jax.eval_shape(
                lambda x, rows: make_kernel(rows).init(x), *jax.tree.map(lambda a: a[:num], (position, data))
            )
        except (TypeError, ValueError):
            return True
        return False

    num = pytree.num_rows(position)
    if size < num and fails(size) and not fails(num):
        raise ValueError(
            f"run_in_batches: this kernel takes {num} rows at once, but not batch_size = {size}: give what its "
            "potential holds of every chain as data, and in place of the kernel a function of rows of data"
        )
