"""Batches as a function of (seed, step), formed inside the compiled step: no data pipeline, and no state to resume."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data.augment import augment
from ebmjax.data.base import DataError
from ebmjax.data.catalog import to_float
from ebmjax.types import Array, Batch

NO_EPOCH = 2**31 - 1
"""Used instead of an epoch in the key of labelled draws; no run has that many epochs."""

AUGMENTED = NO_EPOCH - 1
"""The same for the key of random crops and flips."""


class Loader(NamedTuple):
    """How the examples of one training set are drawn.

    Rows are split into `num_groups` contiguous groups, and every batch takes the same number from each, in group
    order. When the batch is sharded over devices, per-example stores (banks of chains) are thus read and written on
    their own device, and any number of devices draws the same rows. An epoch is a fresh permutation within each group;
    the few rows that do not fill a batch are left out, different ones in each epoch.

    num_examples, batch_size: ≥ 1. num_groups: divides `batch_size`. max_value: of uint8 images, as in `Dataset`.
    augment: of images, a name in `data.augment.AUGMENTATIONS`.
    """

    num_examples: int
    batch_size: int
    num_groups: int
    max_value: int | None
    augment: str = ""

    @property
    def batches_per_epoch(self) -> int:
        """Number of steps of one epoch."""
        return (self.num_examples // self.num_groups) // (self.batch_size // self.num_groups)


def make_loader(
    num_examples: int, batch_size: int, max_value: int | None = None, num_groups: int = 8, augment: str = ""
) -> Loader:
    """A loader with the largest number of groups that divides `num_groups` and `batch_size`.

    Raises DataError if the batch is larger than the training set.
    """
    groups = math.gcd(num_groups, batch_size)
    loader = Loader(num_examples, batch_size, groups, max_value, augment)
    if loader.batches_per_epoch < 1:
        raise DataError(f"train.batch_size = {batch_size} must be between 1 and the {num_examples} training examples")
    return loader


def epoch_order(loader: Loader, rng_key: Array, epoch: int | Array) -> Array:
    """Rows of the training set in the order of one epoch: int32 `[batches_per_epoch, batch_size]`, no row twice."""
    groups, per_batch = loader.num_groups, loader.batch_size // loader.num_groups
    edges = np.arange(groups + 1) * loader.num_examples // groups  # group sizes differ by at most one
    sizes = np.diff(edges)
    bits = jax.random.bits(jax.random.fold_in(rng_key, epoch), (groups, int(sizes.max())))
    slots = np.arange(sizes.max())
    # A slot past the end of its group sorts last; the sort is stable, so it also loses ties.
    order = jnp.argsort(jnp.where(slots < sizes[:, None], bits, np.uint32(0xFFFFFFFF)), axis=1, stable=True)
    used = loader.batches_per_epoch * per_batch
    rows = jnp.asarray(edges[:-1, None], jnp.int32) + order[:, :used].astype(jnp.int32)
    rows = rows.reshape(groups, loader.batches_per_epoch, per_batch)
    return jnp.swapaxes(rows, 0, 1).reshape(loader.batches_per_epoch, loader.batch_size)


def batch_of(
    loader: Loader, arrays: dict[str, Array], index: Array, rng_key: Array | None = None, step: int | Array = 0
) -> Batch:
    """The batch of rows `index` of the training arrays {"x", optional "label", "labelled"}: images become floats in
    [-1, 1], and "index" goes with it.

    With arrays["labelled"] only the labels of those rows are known. The batch then has no "label"; instead,
    batch["labelled"] = {"x", "label"} holds as many labelled examples, drawn with replacement as a function of
    (rng_key, step), rng_key being that of `epoch_order`. Rows `[M]` give x`[B, ...]`; rows `[S, M]` give
    x`[S, B, ...]`, one draw for each s.

    With `loader.augment` every image is cropped and flipped, as a function of (rng_key, step) and its place in the
    batch. arrays["valid_x"], arrays["valid_label"], if given, become batch["valid"] = {"x", "label"}: all of them, and
    without crops.
    """
    rows = arrays.get("labelled")
    batch = _gather(loader, arrays, ("x", "label") if rows is None else ("x",), index) | {"index": index}
    if "valid_x" in arrays:
        batch["valid"] = {"x": to_float(arrays["valid_x"], loader.max_value), "label": arrays["valid_label"]}
    if rows is None and not loader.augment:
        return batch
    assert rng_key is not None
    crop_key = jax.random.fold_in(jax.random.fold_in(rng_key, AUGMENTED), step)
    batch["x"] = augment(loader.augment, crop_key, batch["x"])
    if rows is None:
        return batch
    key = jax.random.fold_in(jax.random.fold_in(rng_key, NO_EPOCH), step)
    drawn = jax.random.randint(key, (*rows.shape[:-1], loader.batch_size), 0, rows.shape[-1])
    labelled = jnp.take_along_axis(rows, drawn, axis=-1)
    others = _gather(loader, arrays, ("x", "label"), labelled)
    others["x"] = augment(loader.augment, jax.random.fold_in(crop_key, 1), others["x"])
    return batch | {"labelled": others}


def _gather(loader: Loader, arrays: dict[str, Array], names: tuple[str, ...], index: Array) -> Batch:
    """Rows `index` of the arrays `names`, as far as they exist; images as floats."""
    batch = {name: jnp.take(arrays[name], index, axis=0) for name in names if name in arrays}
    return batch | {"x": to_float(batch["x"], loader.max_value)}
