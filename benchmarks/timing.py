"""Common parts of the benchmarks: pinning before JAX is imported, and medians over rounds."""

import os
import statistics
import time
from collections.abc import Callable


def pin(threads: int, device: str = "cpu") -> None:
    """Pin this process to `threads` cores and one platform. Call before importing JAX, which then sizes its pool."""
    os.environ["JAX_PLATFORMS"] = device
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def measure(run: Callable[[int], object], rounds: int) -> dict[str, float]:
    """Median wall and CPU seconds of run(round), after a first call that compiles; `run` must wait for its result."""
    wall, cpu = [], []
    for i in range(rounds + 1):
        start, cpu_start = time.perf_counter(), time.process_time()
        run(i)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    first, wall, cpu = wall[0], wall[1:], cpu[1:]
    line = {"seconds": statistics.median(wall), "cpu_seconds": statistics.median(cpu)}
    return line | {"min": min(wall), "max": max(wall), "rounds": rounds, "first_call_seconds": first}
