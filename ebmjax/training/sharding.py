"""Devices: one mesh with a `data` axis; batches and chains are split over it, everything else is replicated."""

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ebmjax.types import PyTree, State


def make_mesh(batch_size: int, devices=None) -> Mesh:
    """A mesh over all devices, or over the largest number of them that divides the batch."""
    devices = list(jax.devices() if devices is None else devices)
    num = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return Mesh(np.asarray(devices[:num]), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """The first axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def constrain_rows(mesh: Mesh, tree: PyTree) -> PyTree:
    """Inside jit: ask that the first axis of every leaf be split over the mesh."""
    return jax.lax.with_sharding_constraint(tree, split(mesh))


def state_shardings(mesh: Mesh, state: State) -> State:
    """Shardings for a (possibly abstract) state: `extra["chains"]` by rows where they divide, the rest replicated."""

    def rows(leaf):
        divides = leaf.ndim > 0 and leaf.shape[0] % mesh.size == 0
        return split(mesh) if divides else replicated(mesh)

    shardings = jax.tree.map(lambda _: replicated(mesh), state)
    if "chains" in state.extra:
        shardings.extra["chains"] = jax.tree.map(rows, state.extra["chains"])
    return shardings
