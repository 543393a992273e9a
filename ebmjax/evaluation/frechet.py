"""Fréchet distance between two sets of vectors: pixels of images, or features of a classifier.

With Inception features, their reference statistics and 50,000 samples it is known as FID. With other features it is a
different number on a different scale, and is called Fréchet distance here.
"""

from typing import NamedTuple

import numpy as np


class GaussianFit(NamedTuple):
    """A Gaussian with mean `[D]` and covariance factor @ factor.T, factor `[D, rank]`, in float64."""

    mean: np.ndarray
    factor: np.ndarray


def moments(x) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[D]` and unbiased covariance `[D, D]` of the rows of `x[N, D]`, in float64.

    Raises ValueError if x is not a matrix, has fewer than two rows, or holds a non-finite number.
    """
    mean, centred = _centred(x)
    return mean, centred.T @ centred / (len(centred) - 1)


def fit_gaussian(x) -> GaussianFit:
    """The Gaussian with the `moments` of the rows of `x[N, D]`; N < D needs no D x D matrix. Raises as `moments`."""
    mean, centred = _centred(x)
    if len(centred) <= centred.shape[1]:
        return GaussianFit(mean, centred.T / np.sqrt(len(centred) - 1))
    return GaussianFit(mean, _factor(centred.T @ centred / (len(centred) - 1)))


def frechet_distance(x, y) -> float:
    """Fréchet distance between Gaussians fitted to two sets of rows, in squared units of x.

    x, y: arrays `[N, D]` and `[M, D]`, or a `GaussianFit` of either (a reference is fitted once for many distances).

    It is biased upwards by terms of order 1 / N and 1 / M: compare numbers only at equal sample sizes, and report the
    distance between two sets of real data as well. Raises ValueError as `moments` does, and if D differs.

    The distance is the squared 2-Wasserstein distance ||m_x - m_y||² + tr(S_x) + tr(S_y) - 2 tr((S_x S_y)^{1/2}). With
    S = A Aᵀ for both, the last trace is the sum of the singular values of A_xᵀ A_y: no square root of a product is ever
    taken, so singular covariances (fewer samples than dimensions) cost no accuracy and need no jitter.

    Reference: Heusel et al. 2017 (arXiv 1706.08500), appendix A1.
    """
    x, y = (a if isinstance(a, GaussianFit) else fit_gaussian(a) for a in (x, y))
    if x.mean.shape != y.mean.shape:
        raise ValueError(f"Fréchet distance: both sets need the same D, got {x.mean.size} and {y.mean.size}")
    cross = np.linalg.svd(x.factor.T @ y.factor, compute_uv=False).sum()
    spread = np.sum(x.factor**2) + np.sum(y.factor**2)
    return max(float(np.sum((x.mean - y.mean) ** 2) + spread - 2.0 * cross), 0.0)


def frechet_from_moments(mean_x, cov_x, mean_y, cov_y) -> float:
    """`frechet_distance` from means `[D]` and covariances `[D, D]`, symmetric and positive semi-definite.

    Raises ValueError for other shapes, or a covariance that is neither up to rounding.
    """
    mean_x, mean_y, cov_x, cov_y = (np.asarray(a, np.float64) for a in (mean_x, mean_y, cov_x, cov_y))
    dim = mean_x.size
    shapes = [a.shape for a in (mean_x, cov_x, mean_y, cov_y)]
    if shapes != [(dim,), (dim, dim)] * 2:
        raise ValueError(f"Fréchet distance: expected mean[D], cov[D, D] twice with the same D, got shapes {shapes}")
    return frechet_distance(GaussianFit(mean_x, _factor(cov_x)), GaussianFit(mean_y, _factor(cov_y)))


def _centred(x) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[D]` of the rows of x[N, D], and the rows less it."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(f"moments: expected x[N, D], got shape {x.shape}; flatten images by x.reshape(len(x), -1)")
    if x.shape[0] < 2:
        raise ValueError(f"moments: a covariance needs at least 2 rows, got {x.shape[0]}")
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(axis=1).sum())
        raise ValueError(f"moments: {bad} of {x.shape[0]} rows hold a non-finite number; drop them or fix the sampler")
    mean = x.mean(axis=0)
    return mean, x - mean


def _factor(cov: np.ndarray) -> np.ndarray:
    """A `[D, rank]` with A Aᵀ = cov; directions of variance below rounding error are dropped."""
    if not np.isfinite(cov).all():
        raise ValueError("Fréchet distance: a covariance holds a non-finite number")
    variances, vectors = np.linalg.eigh(cov)
    largest = np.abs(variances).max(initial=0.0)
    # Moments may come from float32 statistics, whose rounding is wider than float64's.
    if np.abs(cov - cov.T).max(initial=0.0) > 1e-4 * largest:
        raise ValueError("Fréchet distance: a covariance is not symmetric")
    if variances.min(initial=0.0) < -1e-4 * largest:
        raise ValueError(f"Fréchet distance: a covariance has the negative eigenvalue {variances.min():.3g}")
    rounding = len(cov) * np.finfo(np.float64).eps * largest
    kept = variances > rounding
    return vectors[:, kept] * np.sqrt(variances[kept])
