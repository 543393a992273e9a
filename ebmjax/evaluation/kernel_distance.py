"""Kernel distance between two sets of features: the squared maximum mean discrepancy, unbiased, with its error.

With Inception features it is known as KID. Unlike the Fréchet distance it is not biased by the number of samples.
"""

import numpy as np


def polynomial_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x · y / D + 1)³ for all pairs of rows: `[N, D]`, `[M, D]` -> `[N, M]`."""
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def squared_mmd(x, y) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy between the distributions of `x[N, D]` and `y[M, D]`.

    Its mean is 0 if the distributions agree, so that about half of the estimates are negative. N, M ≥ 2, else
    ValueError.
    Reference: Gretton et al. 2012, lemma 6; the kernel of Bińkowski et al. 2018 (arXiv 1801.01401), section 3.2.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"kernel distance: expected x[N, D], y[M, D] with N, M ≥ 2, got {x.shape} and {y.shape}")

    def within(a):
        kernel = polynomial_kernel(a, a)
        return (kernel.sum() - np.trace(kernel)) / (len(a) * (len(a) - 1))

    return float(within(x) + within(y) - 2.0 * polynomial_kernel(x, y).mean())


def subset_rows(num: int) -> int:
    """Rows of a subset of `num` features: 1,000 as published, and at most half of them, so that subsets differ."""
    return min(1000, num // 2)


def kernel_distance(x, y, *, num_subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Mean of `squared_mmd` over subsets drawn without replacement, and the standard error of that mean.

    x, y: features `[N, D]`, `[M, D]`. subset_size: rows of a subset; smaller sets are used whole, which makes all
    subsets equal and the error 0: see `subset_rows`. Memory grows with subset_size², not with N. The standard error is
    that over subsets, which share rows: it is too small if they cover the sets many times.
    """
    x, y = np.asarray(x), np.asarray(y)
    size = min(subset_size, len(x), len(y))
    if num_subsets < 2:
        raise ValueError(f"kernel distance: a standard error needs at least 2 subsets, got {num_subsets}")
    random = np.random.default_rng(seed)
    draw = lambda a: a[random.choice(len(a), size, replace=False)]
    found = [squared_mmd(draw(x), draw(y)) for _ in range(num_subsets)]
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(num_subsets))
