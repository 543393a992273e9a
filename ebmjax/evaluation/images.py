"""Fréchet distance between two sets of vectors: pixels of images, or features of a classifier.

With Inception features, their reference statistics and 50,000 samples this number is known as FID. Over other
features it is a different number on a different scale, so here it is only ever called Fréchet distance.
"""

import numpy as np


def moments(x) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[D]` and unbiased covariance `[D, D]` of the rows of `x[N, D]`, in float64.

    Raises ValueError if x is not a matrix, has fewer than two rows, or holds a non-finite number.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(f"moments: expected x[N, D], got shape {x.shape}; flatten images by x.reshape(len(x), -1)")
    if x.shape[0] < 2:
        raise ValueError(f"moments: a covariance needs at least 2 rows, got {x.shape[0]}")
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(axis=1).sum())
        raise ValueError(f"moments: {bad} of {x.shape[0]} rows hold a non-finite number; drop them or fix the sampler")
    mean = x.mean(axis=0)
    centred = x - mean
    return mean, centred.T @ centred / (x.shape[0] - 1)


def frechet_distance(x, y) -> float:
    """Fréchet distance between Gaussians fitted to the rows of `x[N, D]` and `y[M, D]`, in squared units of x.

    It is biased upwards by a term of order 1 / N and 1 / M: compare numbers only at equal sample sizes, and report
    the distance between two sets of real data beside them. Raises ValueError as `moments` does, and if D differs.

    Reference: Heusel et al. 2017 (arXiv 1706.08500), appendix A1.
    """
    return frechet_from_moments(*moments(x), *moments(y))


def frechet_from_moments(mean_x, cov_x, mean_y, cov_y) -> float:
    """||m_x - m_y||² + tr(S_x) + tr(S_y) - 2 tr((S_x^{1/2} S_y S_x^{1/2})^{1/2}), a float ≥ 0.

    Means `[D]`, covariances `[D, D]`, symmetric and positive semi-definite (else ValueError). The distance is the
    squared 2-Wasserstein distance of the two Gaussians.

    With S = A Aᵀ for both, the last trace is the sum of the singular values of A_xᵀ A_y: no square root of a product
    is ever taken, so singular covariances (fewer samples than dimensions) cost no accuracy and need no jitter.
    """
    mean_x, mean_y, cov_x, cov_y = (np.asarray(a, np.float64) for a in (mean_x, mean_y, cov_x, cov_y))
    dim = mean_x.size
    shapes = [a.shape for a in (mean_x, cov_x, mean_y, cov_y)]
    if shapes != [(dim,), (dim, dim)] * 2:
        raise ValueError(f"Fréchet distance: expected mean[D], cov[D, D] twice with the same D, got shapes {shapes}")
    cross = np.linalg.svd(_factor(cov_x).T @ _factor(cov_y), compute_uv=False).sum()
    distance = np.sum((mean_x - mean_y) ** 2) + np.trace(cov_x) + np.trace(cov_y) - 2.0 * cross
    return max(float(distance), 0.0)


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
