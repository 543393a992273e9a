"""The disconnectivity graph of an energy: a tree of its minima, joined at the barriers between them.

Reference: Becker & Karplus 1997 (The topology of multidimensional potential energy surfaces, J. Chem. Phys. 106); of
learned energies: Hill, Nijkamp & Zhu 2019 (arXiv 1803.01043).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Merge(NamedTuple):
    """Two groups of minima that are joined at `level`, the lowest energy at which a path between them exists."""

    level: float
    left: tuple[int, ...]
    right: tuple[int, ...]


def distinct_minima(x: np.ndarray, energy: np.ndarray, radius: float) -> np.ndarray:
    """Rows of x`[N, ...]` that are different minima, by ascending energy`[N]`: int `[M]`.

    A row is left out if a lower one lies nearer than `radius`. Rows with an energy that is not finite are left out.
    """
    kept: list[int] = []
    for row in np.argsort(energy, kind="stable"):
        far = all(np.linalg.norm((x[row] - x[other]).ravel()) >= radius for other in kept)
        if far and np.isfinite(energy[row]):
            kept.append(int(row))
    return np.array(kept, int)


def merges(barriers: np.ndarray) -> list[Merge]:
    """The tree of M minima from the highest energies `[M, M]` on paths between them, by ascending level.

    barriers: entry (i, j) is inf where no path is known; of (i, j) and (j, i) the lower counts. M - 1 merges, or fewer
    if groups stay apart. The level of i and j is the lowest maximum over all chains of paths between them.
    """
    lower = np.minimum(barriers, barriers.T)
    rows, columns = np.triu_indices(len(lower), 1)
    groups: dict[int, tuple[int, ...]] = {i: (i,) for i in range(len(lower))}  # of each minimum
    found = []
    for pair in np.argsort(lower[rows, columns], kind="stable"):
        i, j = rows[pair], columns[pair]
        if groups[i] != groups[j] and np.isfinite(lower[i, j]):
            merge = Merge(float(lower[i, j]), groups[i], groups[j])
            found.append(merge)
            joined = merge.left + merge.right
            groups.update(dict.fromkeys(joined, joined))
    return found


def lowest_barriers(tree: Sequence[Merge], num: int) -> np.ndarray:
    """Levels at which `num` minima are joined: `[num, num]`, inf where they are not, -inf on the diagonal."""
    levels = np.where(np.eye(num, dtype=bool), -np.inf, np.inf)
    for merge in tree:
        levels[np.ix_(merge.left, merge.right)] = merge.level
        levels[np.ix_(merge.right, merge.left)] = merge.level
    return levels


def depths(energy: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How far the energy must rise from each minimum to reach a lower one: `[M]`, inf for the lowest of those it joins.

    energy: `[M]`. levels: of `lowest_barriers`. Of two minima with the same energy the first counts as lower.
    """
    index = np.arange(len(energy))
    before = (energy < energy[:, None]) | ((energy == energy[:, None]) & (index < index[:, None]))
    return np.min(np.where(before, levels, np.inf), axis=1, initial=np.inf) - energy
