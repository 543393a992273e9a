"""Devices: one mesh with a `data` axis, over which batches and chains are split; everything else is replicated."""

import os
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ebmjax.data import cache
from ebmjax.data.base import first_line
from ebmjax.mcmc.base import AXIS
from ebmjax.types import PyTree, State


def find_devices() -> list[jax.Device]:
    """All devices. Raises ValueError, one line, if JAX finds none that it may use."""
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter for JAX_PLATFORMS=cuda without a plugin for CUDA
        asked = os.environ.get("JAX_PLATFORMS")
        why = f": {first_line(error)[:300]}" if str(error) else ""
        hint = f"JAX_PLATFORMS={asked} asks for what is not there; unset it" if asked else "check the driver"
        raise ValueError(f"JAX finds no device ({hint}, or install ebmjax[cuda] or ebmjax[tpu]){why}") from error


def make_mesh(batch_size: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh over all devices, or over fewer per process if the batch does not divide over all.

    Raises ValueError if there is no device, or if the batch does not divide over the processes, all of which must take
    part.
    """
    own: dict[int, list] = {}
    for device in find_devices() if devices is None else devices:
        own.setdefault(device.process_index, []).append(device)
    fitting = [n for n in range(1, min(map(len, own.values())) + 1) if batch_size % (n * len(own)) == 0]
    if not fitting:
        raise ValueError(f"train.batch_size = {batch_size} must be a multiple of the number of processes, {len(own)}")
    chosen = [device for process in sorted(own) for device in own[process][: fitting[-1]]]
    return Mesh(np.asarray(chosen), (AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """The first axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def replicate(mesh: Mesh, arrays: PyTree) -> PyTree:
    """Host arrays, the same in every process, copied whole to every device."""
    return jax.tree.map(
        lambda a: jax.make_array_from_callback(a.shape, replicated(mesh), lambda index: np.asarray(a[index])), arrays
    )


def local(tree: PyTree) -> PyTree:
    """Arrays of the mesh as whole arrays of this process, for work without other processes."""
    if jax.process_count() == 1:
        return tree

    def whole(a):
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(whole(jax.random.key_data(a)), impl=jax.random.key_impl(a))
        if not a.is_fully_replicated:
            a = jax.jit(lambda x: x, out_shardings=replicated(a.sharding.mesh))(a)
        return jnp.asarray(np.asarray(a.addressable_data(0)))  # via the host, so that it is not committed to a device

    return jax.tree.map(whole, tree)


def constrain_rows(mesh: Mesh, tree: PyTree) -> PyTree:
    """Inside jit: constrain the first axis of every leaf to be split over the mesh."""
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


def enable_compilation_cache() -> None:
    """Keep compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR is set (to a folder, or empty for none), or
    there is no place for them (`cache.lasting`)."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and (folder := cache.lasting()):
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
