"""Precision, recall, density and coverage: overlap of samples and data, measured by nearest-neighbour balls."""

import numpy as np


def density_coverage(real, fake, *, num_neighbours: int = 5, block: int = 1000) -> dict[str, float]:
    """Precision, recall, density and coverage of `fake[M, D]` against `real[N, D]`, over any features.

        precision: share of fakes in the ball of some real      recall: share of reals in the ball of some fake
        density: mean number of reals' balls around a fake, over k; may exceed 1
        coverage: share of reals with a fake in their ball

    The ball of a point reaches to its k-th neighbour in its own set, k = num_neighbours; both sets need more than k
    points, else ValueError. If both distributions agree, the expected density is 1 and the expected coverage
    1 - (N - 1)…(N - k) / (M + N - 1)…(M + N - k), while precision and recall depend on the distribution. Distances are
    computed `block` rows at a time.

    Reference: Kynkäänniemi et al. 2019 (arXiv 1904.06991); Naeem et al. 2020 (arXiv 2002.09797), equations 4 and 5.
    """
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(f"density and coverage: expected real[N, D], fake[M, D], got {real.shape} and {fake.shape}")
    if min(len(real), len(fake)) <= num_neighbours:
        raise ValueError(
            f"density and coverage: {num_neighbours} neighbours need more points, got {len(real)} and {len(fake)}"
        )
    real_radius, fake_radius = (_radii(a, num_neighbours, block) for a in (real, fake))
    held, recalled, covered = np.zeros(len(fake)), np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows in _blocks(len(real), block):
        distance = _squared(real[rows], fake)
        inside = distance <= real_radius[rows, None]
        held += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
        recalled[rows] = (distance <= fake_radius).any(axis=1)
    return {
        "precision": float(np.mean(held > 0)),
        "recall": float(np.mean(recalled)),
        "density": float(np.mean(held) / num_neighbours),
        "coverage": float(np.mean(covered)),
    }


def _blocks(num: int, block: int):
    return (slice(start, min(start + block, num)) for start in range(0, num, block))


def _squared(x, y):
    """Squared distances of all pairs of rows, `[N, M]`, not below 0."""
    square = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1) - 2.0 * x @ y.T
    return np.maximum(square, 0.0)


def _radii(x, k: int, block: int) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row, `[N]`."""
    radii = np.empty(len(x))
    for rows in _blocks(len(x), block):
        distance = _squared(x[rows], x)
        distance[np.arange(len(distance)), np.arange(len(x))[rows]] = -1.0  # the row itself sorts first
        radii[rows] = np.partition(distance, k, axis=1)[:, k]
    return radii
