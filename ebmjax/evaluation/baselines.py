"""Baselines that need no training loop."""

import numpy as np


def pca_errors(x_train, x_test, num_components: int) -> np.ndarray:
    """Squared error per entry `[M]` of each test row reconstructed by principal components of the training rows.

    In squared units of x. Deterministic (eigenvectors of the covariance, in float64).

    Args:
        x_train, x_test: `[N, ...]`, `[M, ...]`, flattened inside.
        num_components: in [1, min(N, D)], else ValueError.
    """
    from sklearn.decomposition import PCA  # takes half a second to import, and few need it

    train, test = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (x_train, x_test))
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"pca_mse: training rows have {train.shape[1]} entries, test rows {test.shape[1]}")
    if not 1 <= num_components <= min(train.shape):
        raise ValueError(f"pca_mse: num_components must be in [1, {min(train.shape)}], got {num_components}")
    pca = PCA(num_components, svd_solver="covariance_eigh").fit(train)
    return np.mean((pca.inverse_transform(pca.transform(test)) - test) ** 2, axis=1)


def pca_mse(x_train, x_test, num_components: int) -> float:
    """Mean of `pca_errors`: the linear opponent of a latent-variable model with `num_components` latent dimensions."""
    return float(np.mean(pca_errors(x_train, x_test, num_components)))


def mean_fill(x_train, observed_train, x, observed) -> np.ndarray:
    """x with each gap filled by the mean of its entry over the training rows where that was observed: `[M, ...]`.

    x_train, x: `[N, ...]`, `[M, ...]`; what stands in a gap does not count. observed_*: bool in their shapes. An entry
    that was never observed is filled with the mean of all others.
    """
    x_train, observed_train = np.asarray(x_train, np.float64), np.asarray(observed_train)
    count, total = observed_train.sum(axis=0), np.where(observed_train, x_train, 0.0).sum(axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), total.sum() / max(count.sum(), 1))
    return np.where(observed, x, mean)


def neighbour_fill(x_train, observed_train, x, observed, num_neighbours: int = 5) -> np.ndarray:
    """x with each gap filled by the mean over its nearest training rows that have that entry: `[M, ...]`.

    Nearest in the entries that both rows have, by scikit-learn's KNNImputer. Arguments as `mean_fill`; a row of x that
    is a training row is its own neighbour, but has nothing to say of its gaps.
    """
    from sklearn.impute import KNNImputer  # takes half a second to import, and few need it

    gaps = lambda x, seen: np.where(seen, np.asarray(x, np.float64), np.nan).reshape(len(x), -1)
    imputer = KNNImputer(n_neighbors=num_neighbours, keep_empty_features=True).fit(gaps(x_train, observed_train))
    return imputer.transform(gaps(x, observed)).reshape(np.shape(x))
