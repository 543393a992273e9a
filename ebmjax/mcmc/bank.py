"""Persistent chains: where they are kept between training steps, how some are drawn, and how they are put back.

A `Bank` says how chains are laid out; their positions, the `store`, are a pytree of plain arrays in `extra["chains"]`.

One chain per training example (PCD; Nijkamp et al. 2019, arXiv 1903.12370; Han et al. 2017, arXiv 1606.08571):

    bank = make_bank(num_examples, batch_size)         # the groups of data.make_loader
    start = read(bank, store, batch["index"])
    store = write(bank, store, batch["index"], end)

A pool of chains (JEM: Grathwohl et al. 2020, arXiv 1912.03263; IGEBM: Du & Mordatch 2019, arXiv 1903.08689):

    index = draw(bank, draw_key)
    start = reinitialise(fresh_key, read(bank, store, index), fresh, 0.05)
    store = write(bank, store, index, end)             # JEM; a first-in first-out ring: at oldest(bank, step)
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax import pytree
from ebmjax.mcmc.options import check
from ebmjax.types import Array, PyTree


class Bank(NamedTuple):
    """How `num_chains` chains are laid out in `num_rows` rows, and how many of them take part in a step.

    Chains are split into `num_groups` contiguous groups, exactly as `data.Loader` splits examples; every step takes
    `batch_size / num_groups` from each, in group order. Each group is padded to the size of the largest, so that
    the store is cut between groups on any number of devices that divides `num_groups`: reading and writing move
    nothing between devices, and all of them draw the same chains. Padding is never read, drawn or written.

    num_chains, batch_size: ≥ 1. num_groups: divides `batch_size`.
    """

    num_chains: int
    batch_size: int
    num_groups: int

    @property
    def edges(self) -> np.ndarray:
        """Chain at which each group begins, and `num_chains`: int32 `[num_groups + 1]`."""
        return (np.arange(self.num_groups + 1) * self.num_chains // self.num_groups).astype(np.int32)

    @property
    def group_rows(self) -> int:
        """Rows of each group in the store, padding included."""
        return int(np.diff(self.edges).max())

    @property
    def num_rows(self) -> int:
        """Rows of the store: `num_groups * group_rows`."""
        return self.num_groups * self.group_rows


def make_bank(num_chains: int, batch_size: int, num_groups: int = 8) -> Bank:
    """A bank with the largest number of groups that divides `num_groups` and `batch_size`, as in `make_loader`.

    Raises ValueError if a batch needs more chains of a group than it has, or if one of the numbers is not an integer
    ≥ 1.
    """
    check("make_bank", num_chains=num_chains, batch_size=batch_size, num_groups=num_groups)
    groups = math.gcd(num_groups, batch_size)
    if not 1 <= batch_size // groups <= num_chains // groups:
        raise ValueError(
            f"a batch of {batch_size} cannot be drawn from {num_chains} chains in {groups} groups: "
            "keep more chains, or take smaller batches"
        )
    return Bank(num_chains, batch_size, groups)


def row_of(bank: Bank, index: Array) -> Array:
    """Row of the store where chain `index` (of that training example) lives: int32, same shape as `index`."""
    edges = jnp.asarray(bank.edges)
    group = jnp.searchsorted(edges[1:], index, side="right")
    return (group * bank.group_rows + index - edges[group]).astype(jnp.int32)


def fill(bank: Bank, position: PyTree) -> PyTree:
    """A store `[num_rows, ...]` from positions of all chains `[num_chains, ...]`; padding repeats a neighbour.

    Raises ValueError if the positions are not `num_chains`.
    """
    if pytree.num_rows(position) != bank.num_chains:
        raise ValueError(f"the bank has {bank.num_chains} chains, got {pytree.num_rows(position)} positions")
    slots = bank.edges[:-1, None] + np.arange(bank.group_rows)
    chain = np.minimum(slots, bank.edges[1:, None] - 1).reshape(-1)
    return position if bank.num_rows == bank.num_chains else jax.tree.map(lambda leaf: leaf[chain], position)


def all_chains(bank: Bank, store: PyTree) -> PyTree:
    """Positions of all chains `[num_chains, ...]` without padding: chain i is row i."""
    if bank.num_rows == bank.num_chains:
        return store
    rows = row_of(bank, jnp.arange(bank.num_chains))
    return jax.tree.map(lambda leaf: leaf[rows], store)


def draw(bank: Bank, rng_key: Array) -> Array:
    """Chains for one step, uniform without replacement within each group: int32 `[batch_size]`, in group order."""
    sizes = np.diff(bank.edges)[:, None]
    score = jax.random.uniform(rng_key, (bank.num_groups, bank.group_rows))
    score = jnp.where(np.arange(bank.group_rows) < sizes, score, -1.0)  # padding comes last
    _, slots = jax.lax.top_k(score, bank.batch_size // bank.num_groups)
    return (jnp.asarray(bank.edges[:-1, None]) + slots).reshape(-1).astype(jnp.int32)


def oldest(bank: Bank, step: Array) -> Array:
    """Chains that a ring overwrites at `step` (int32): successive places in each group, int32 `[batch_size]`."""
    sizes, num = np.diff(bank.edges)[:, None], bank.batch_size // bank.num_groups
    slots = ((step % sizes) * num + np.arange(num)) % sizes  # the first remainder keeps the product in int32
    return (jnp.asarray(bank.edges[:-1, None]) + slots).reshape(-1).astype(jnp.int32)


def local_slots(bank: Bank, index: Array) -> Array:
    """Places of `index` within their groups, int32 `[num_groups, B / num_groups]`; out of bounds where misplaced."""
    if index.shape[0] % bank.num_groups:
        raise ValueError(f"an index of {index.shape[0]} chains does not split into {bank.num_groups} equal groups")
    slots = index.reshape(bank.num_groups, -1) - bank.edges[:-1, None]
    inside = (slots >= 0) & (slots < np.diff(bank.edges)[:, None])
    return jnp.where(inside, slots, bank.group_rows)


def read(bank: Bank, store: PyTree, index: Array) -> PyTree:
    """Positions `[B, ...]` of chains `index`, which come in group order, as `draw` and the loader give them.

    index: int32 `[B]`, B / num_groups chains of group 0, then as many of group 1 ... A chain outside the group that
    its place belongs to reads as NaN and is not written: use `store[row_of(bank, index)]` for an arbitrary index.
    """
    slots = local_slots(bank, index)

    def gather(leaf):
        # A batch axis of groups: XLA then knows that no row leaves its device.
        groups = leaf.reshape(bank.num_groups, bank.group_rows, *leaf.shape[1:])
        rows = jax.vmap(lambda group, slot: group.at[slot].get(mode="fill"))(groups, slots)
        return rows.reshape(-1, *leaf.shape[1:])

    return jax.tree.map(gather, store)


def write(bank: Bank, store: PyTree, index: Array, position: PyTree) -> PyTree:
    """The store with `position` `[B, ...]` at chains `index`, in group order and without repeats; see `read`."""
    slots = local_slots(bank, index)

    def scatter(leaf, new):
        groups = leaf.reshape(bank.num_groups, bank.group_rows, *leaf.shape[1:])
        new = new.astype(leaf.dtype).reshape(*slots.shape, *leaf.shape[1:])
        return jax.vmap(lambda group, slot, row: group.at[slot].set(row, mode="drop"))(groups, slots, new).reshape(
            leaf.shape
        )

    return jax.tree.map(scatter, store, position)


def reinitialise(rng_key: Array, position: PyTree, fresh: PyTree, probability: float | Array) -> PyTree:
    """Replace each row of `position` `[B, ...]` by that of `fresh` with `probability`, independently.

    The number replaced is Binomial(B, probability); JEM and IGEBM use 0.05 and uniform noise. Raises ValueError for a
    probability that is not a number in [0, 1].
    """
    check("reinitialise", probability=probability)
    which = jax.random.bernoulli(rng_key, probability, (pytree.num_rows(position),))
    return pytree.where_rows(which, fresh, position)
