"""A map of a learned energy of data: its minima, the barriers between them, and their tree.

Energy-landscape mapping by attraction-diffusion: Hill, Nijkamp & Zhu 2019 (arXiv 1803.01043).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.diagnostics import (
    Merge,
    attraction_diffusion,
    depths,
    distinct_minima,
    lowest_barriers,
    merges,
    straight_line,
)
from ebmjax.evaluation import map_batches
from ebmjax.mcmc import langevin, sample_chain
from ebmjax.types import Chain
from ebmjax.viz import landscape

LIMITS = {
    "evaluate.landscape.num_starts": 0,
    "evaluate.landscape.descent_steps": 1,
    "evaluate.landscape.num_steps": 1,
    "evaluate.landscape.patience": 1,
    "evaluate.landscape.step_size": 1e-9,
    "evaluate.landscape.temperature_factor": 1e-9,
    "evaluate.landscape.strengths": 0,
    "evaluate.landscape.radius": 1e-9,
}


class EnergyMap(NamedTuple):
    """M minima by ascending energy: x`[M, ...]`, energy`[M]` in nats. tree: their `merges`. line: highest energies on
    straight lines between them `[M, M]`. reached: {strength: share of passages that arrived}."""

    x: np.ndarray
    energy: np.ndarray
    tree: list[Merge]
    line: np.ndarray
    reached: dict[float, float]


def is_wanted(settings) -> bool:
    """Whether config.evaluate asks for a map; runs of earlier versions have no such field."""
    return settings.get("landscape", {}).get("num_starts", 0) > 0


def find_minima(settings, potential, rng_key, x):
    """(x`[M, ...]`, energies `[M]`) of the distinct ends of gradient descent from x`[N, ...]`."""
    descent = Chain(partial(langevin, step_size=settings.step_size, noise_scale=0), settings.descent_steps)
    end = jax.jit(lambda key, x: sample_chain(descent, potential, key, x)[0])(rng_key, x)
    found, energy = np.asarray(end.position), np.asarray(end.energy)
    kept = distinct_minima(found, energy, settings.radius)
    return found[kept], energy[kept]


def map_energy(run, potential, x, batch_size) -> EnergyMap:
    """The map of E(x) / T from starts x`[N, ...]`: minima by gradient descent, then passages between all pairs of them
    in both directions, by every strength; the straight line counts as a passage too."""
    settings = run.config.evaluate.landscape
    minima, energy = find_minima(settings, potential, run.rng_key, x)
    rows, columns = np.nonzero(~np.eye(len(minima), dtype=bool))
    line, reached = np.full((len(minima),) * 2, np.inf), {}
    if len(rows) == 0:
        return EnergyMap(minima, energy, [], line, reached)
    pairs = {"start": minima[rows], "target": minima[columns]}
    straight = jax.jit(lambda pair: straight_line(potential, pair["start"], pair["target"]))
    line[rows, columns] = map_batches(straight, pairs, batch_size)
    # The gradient's part of a step is that of the descent, at any temperature.
    factor = settings.temperature_factor
    kernel = partial(langevin, step_size=settings.step_size * factor**0.5, temperature=factor)
    go = partial(attraction_diffusion, potential, Chain(kernel, settings.num_steps))

    @jax.jit
    def passages(strength, key, pair):
        return go(key, **pair, strength=strength, radius=settings.radius, patience=settings.patience)

    barriers = line.copy()
    for i, strength in enumerate(settings.strengths):
        key = jax.random.fold_in(run.rng_key, i)
        found = map_batches(partial(passages, jnp.float32(strength)), pairs, batch_size, rng_key=key)
        barriers[rows, columns] = np.minimum(barriers[rows, columns], found.highest)
        reached[strength] = float(np.mean(found.reached))
    return EnergyMap(minima, energy, merges(barriers), line, reached)


def map_figures(found: EnergyMap):
    """Figures of a map; see `protocol`."""
    num = len(found.energy)
    rows, columns = np.triu_indices(num, 1)
    levels = lowest_barriers(found.tree, num)
    higher = np.maximum(found.energy[rows], found.energy[columns])
    above = lambda levels: np.mean(levels[rows, columns] - higher) if num > 1 else 0.0
    return {
        "landscape_minima": num,
        "landscape_basins": np.sum(depths(found.energy, levels) > 1),
        "landscape_barrier": above(levels),
        "landscape_barrier_line": above(np.minimum(found.line, found.line.T)),
        "landscape_reached": np.mean(list(found.reached.values())) if found.reached else 0.0,
    }


def draw_map(found: EnergyMap, path, title):
    """[path] of the disconnectivity graph, with the minima themselves if they are images."""
    images = found.x if found.x.ndim == 4 else ()
    landscape.plot_disconnectivity(found.energy, found.tree, path, images=images, title=title)
    return [path]


def protocol(settings) -> str:
    """How the figures were measured; "" without a map."""
    if not is_wanted(settings):
        return ""
    fields = settings.landscape
    return (
        f" landscape: distinct ends (radius {fields.radius}) of {fields.descent_steps} steps of gradient descent on "
        f"E / T from {fields.num_starts} test examples; barriers between them: the least of the highest energies on "
        f"the straight line and on passages of attraction-diffusion in both directions (strengths {fields.strengths}, "
        f"at {fields.temperature_factor} T, {fields.num_steps} steps of {fields.step_size} at T), also through other "
        "minima; means over pairs, nats above the higher one (0 of a single minimum); landscape_barrier_line: on "
        "straight lines alone; landscape_basins: minima from which the energy must rise by more than a nat to reach a "
        "lower one; landscape_reached: share of passages that arrived, over all strengths."
    )
