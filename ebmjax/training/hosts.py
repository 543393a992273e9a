"""Runs of several processes, usually one per host: joining, output by the first one, and stopping together."""

import re
import sys
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from ebmjax.data.base import first_line
from ebmjax.training import devices


class Hosts(NamedTuple):
    """How the processes of one run find each other; all None for JAX's detection of clusters.

    coordinator: HOST:PORT of process 0. num_processes: ≥ 1. process_id: 0 .. num_processes - 1, of this one.
    """

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None


def find_hosts(
    distributed: bool, coordinator: str | None, num_processes: int | None, process_id: int | None
) -> Hosts | None:
    """The `Hosts` of a command line; None for a single process. Raises ValueError, one line."""
    named = [value is not None for value in (coordinator, num_processes, process_id)]
    if not any(named):
        return Hosts() if distributed else None
    if coordinator is None or num_processes is None or process_id is None:
        raise ValueError(
            "--coordinator=HOST:PORT, --num_processes=N and --process_id=I belong together: pass all three"
        )
    if not re.fullmatch(r".+:\d+", coordinator):
        raise ValueError(f"--coordinator={coordinator} must be HOST:PORT of process 0")
    if process_id >= num_processes:
        raise ValueError(f"--process_id={process_id} must be below --num_processes={num_processes}")
    return Hosts(coordinator, num_processes, process_id)


def connect(hosts: Hosts) -> None:
    """Join the run; call before any computation. Raises ValueError, one line, if joining fails."""
    try:
        # A process that fails exits at once; one that has finished waits at most a minute for the others.
        jax.distributed.initialize(*hosts, shutdown_timeout_seconds=60)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"cannot join the processes of this run ({first_line(error)[:200]}): --distributed alone is for SLURM, TPU "
            "pods, Kubernetes and Open MPI; elsewhere pass --coordinator=HOST:PORT --num_processes=N --process_id=I"
        ) from error


def several() -> bool:
    """Whether this run has more than one process."""
    return jax.process_count() > 1


def is_first() -> bool:
    """Whether this is the process that writes and prints."""
    return jax.process_index() == 0


def print_once(text: str) -> None:
    """Print one line, from the first process only."""
    if is_first():
        print(text, file=sys.stderr, flush=True)


def wait_for_all(name: str) -> None:
    """Return when every process has reached the point called `name`."""
    if several():
        multihost_utils.sync_global_devices(name)


def connect_devices(mesh: Mesh) -> None:
    """Connect the devices of the mesh, at a point that all processes reach together: CPUs wait at most 30 s."""
    if several():
        ones = np.ones(mesh.size)
        spread = jax.make_array_from_callback(ones.shape, devices.split(mesh), lambda index: ones[index])
        jax.block_until_ready(jax.jit(jnp.sum, out_shardings=devices.replicated(mesh))(spread))


def any_process(flag: bool) -> bool:
    """Whether `flag` holds in any process; all processes must call it, and wait for the answer."""
    return bool(np.any(multihost_utils.process_allgather(np.asarray(flag)))) if several() else flag


def any_process_each_call(mesh: Mesh, flag: Callable[[], bool]) -> Callable[[], bool]:
    """A function that returns, the same in every process, whether `flag` held in any process at the previous call.

    With one process it is `flag` itself. With several, all must call it in step; the answer is exchanged while the next
    chunk runs, so that no process waits, and therefore comes one call late.
    """
    if not several():
        return flag
    ever = jax.jit(jnp.any, out_shardings=devices.replicated(mesh))
    asked = []

    def ask():
        answer = bool(asked.pop()) if asked else False
        mine = np.full(mesh.size, flag())
        asked.append(ever(jax.make_array_from_callback(mine.shape, devices.split(mesh), lambda index: mine[index])))
        return answer

    return ask
