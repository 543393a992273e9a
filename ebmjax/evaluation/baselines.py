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
