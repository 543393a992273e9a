"""Baselines that need no training loop."""

import numpy as np


def pca_errors(x_train, x_test, num_components: int) -> np.ndarray:
    """Squared error per entry of each test row reconstructed from principal components of the training rows: `[M]`.

    In squared units of x. Deterministic (eigenvectors of the covariance, in float64).

    Args:
        x_train, x_test: `[N, ...]`, `[M, ...]`, flattened inside.
        num_components: in [1, min(N, D)], else ValueError.
    """
    from sklearn.decomposition import PCA  # lazy: the import takes half a second

    train, test = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (x_train, x_test))
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"pca_mse: training rows have {train.shape[1]} entries, test rows {test.shape[1]}")
    if not 1 <= num_components <= min(train.shape):
        raise ValueError(f"pca_mse: num_components must be in [1, {min(train.shape)}], got {num_components}")
    pca = PCA(num_components, svd_solver="covariance_eigh").fit(train)
    return np.mean((pca.inverse_transform(pca.transform(test)) - test) ** 2, axis=1)


def pca_mse(x_train, x_test, num_components: int) -> float:
    """Mean of `pca_errors`: the linear baseline for a latent-variable model of `num_components` latent dimensions."""
    return float(np.mean(pca_errors(x_train, x_test, num_components)))


def mean_fill(x_train, observed_train, x, observed) -> np.ndarray:
    """x with each missing entry filled by its mean over the training rows in which it is observed: `[M, ...]`.

    x_train, x: `[N, ...]`, `[M, ...]`; values at missing entries are ignored. observed_*: bool in their shapes. An
    entry that is never observed is filled with the mean of all others.
    """
    x_train, observed_train = np.asarray(x_train), np.asarray(observed_train)
    # No copy of the training set in float64: faces would take gigabytes.
    count, total = observed_train.sum(axis=0), np.sum(x_train, axis=0, dtype=np.float64, where=observed_train)
    mean = np.where(count > 0, total / np.maximum(count, 1), total.sum() / max(count.sum(), 1))
    return np.where(observed, x, mean)


def neighbour_fill(x_train, observed_train, x, observed, num_neighbours: int = 5) -> np.ndarray:
    """x with each missing entry filled by its mean over the nearest training rows that have it: `[M, ...]`.

    Nearest in the entries that both rows have, by scikit-learn's KNNImputer. Arguments as in `mean_fill`. x may be
    training rows: a row does not contribute to its own missing entries.
    """
    from sklearn.impute import KNNImputer  # lazy: the import takes half a second

    gaps = lambda x, seen: np.where(seen, np.asarray(x, np.float64), np.nan).reshape(len(x), -1)
    imputer = KNNImputer(n_neighbors=num_neighbours, keep_empty_features=True).fit(gaps(x_train, observed_train))
    return imputer.transform(gaps(x, observed)).reshape(np.shape(x))
