"""Probes of features: accuracy of a linear classifier trained on few labels, and of clusters with one label each."""

import warnings
from collections.abc import Sequence

import numpy as np


def linear_probe(
    train_x,
    train_y,
    test_x,
    test_y,
    num_labels: int | None = None,
    seed: int = 0,
    *,
    penalties: Sequence[float] = (0.001, 0.01, 0.1, 1.0),
    standardise: bool = True,
) -> float:
    """Accuracy on the test rows of a linear support vector machine trained on `num_labels` of the training rows.

    Features are standardised by all training rows, with or without labels. Of several `penalties` the best by
    cross-validation on the labelled rows is used (five folds, or as many as the rarest class has rows; if that is below
    two, the first penalty). Nothing is chosen on the test rows.

    Args:
        train_x, test_x: `[N, ...]`, `[M, ...]`, flattened inside. train_y, test_y: int `[N]`, `[M]`.
        num_labels: in [1, N], drawn without replacement by `seed`; None: all rows. If all are of one class, that class
            is predicted.
        penalties: C of scikit-learn's LinearSVC (squared hinge loss; one against the rest), each > 0.
        standardise: False leaves features as they are, for sparse columns of comparable scales.

    Raises ValueError for shapes that disagree, num_labels out of range, and features that are not finite.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedKFold  # lazy: the import takes half a second
    from sklearn.svm import LinearSVC

    train_x, train_y, test_x, test_y = _checked(train_x, train_y, test_x, test_y)
    num = len(train_x) if num_labels is None else num_labels
    if not 1 <= num <= len(train_x):
        raise ValueError(f"linear_probe: num_labels must be in [1, {len(train_x)}], got {num}")
    if standardise:
        train_x, test_x = standardised(train_x, test_x)
    rows = np.random.RandomState(seed).permutation(len(train_x))[:num]
    x, y = train_x[rows], train_y[rows]
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        return float(np.mean(test_y == classes[0]))
    model, folds = LinearSVC(C=penalties[0], random_state=seed), min(5, counts.min())
    if len(penalties) > 1 and folds > 1:
        parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
        model = GridSearchCV(model, {"C": list(penalties)}, cv=parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large C may not converge; cross-validation compares it as it is
        return float(model.fit(x, y).score(test_x, test_y))


def cluster_probe(train_x, train_y, test_x, test_y, *, num_components: int = 4, seed: int = 0) -> float:
    """Accuracy on the test rows of clusters found without labels and named by one labelled row each.

    PCA to `num_components` dimensions and a Gaussian mixture of one component per class, both fitted to the training
    rows. Clusters are named one after another, the one with the most certain row first: each takes the label of its
    most certain row whose label is still free. With two classes, only one label is used.

    Args: as in `linear_probe`; num_components: in [1, min(N, D)]. seed: of the mixture's ten starts.

    Reference: Pang et al. 2021 (arXiv 2106.02513), and its code, which names clusters by a validation row.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    train_x, train_y, test_x, test_y = _checked(train_x, train_y, test_x, test_y)
    if not 1 <= num_components <= min(train_x.shape):
        raise ValueError(f"cluster_probe: num_components must be in [1, {min(train_x.shape)}], got {num_components}")
    pca = PCA(num_components, svd_solver="full").fit(train_x)
    num_classes = len(np.unique(train_y))
    mixture = GaussianMixture(num_classes, n_init=10, random_state=seed).fit(pca.transform(train_x))
    names = name_clusters(mixture.predict_proba(pca.transform(train_x)), train_y)
    return float(np.mean(names[mixture.predict(pca.transform(test_x))] == test_y))


def name_clusters(probabilities, labels) -> np.ndarray:
    """A label for each of K clusters, all different, from their most certain rows: int `[K]`.

    probabilities: `[N, K]`, of the clusters given a row. labels: int `[N]`, of K classes; with K = 2 only one is used.
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    clusters = np.arange(probabilities.shape[1])
    # The probability of the other clusters; 1 - p would round to 0 for all rows with less than 10⁻¹⁶.
    doubt = np.stack([probabilities[:, clusters != k].sum(1) for k in clusters], axis=1)
    names, free = np.full(len(clusters), -1), list(np.unique(labels))
    for _ in clusters[1:]:
        open_pairs = np.isin(labels, free)[:, None] & (names < 0)
        row, cluster = np.unravel_index(np.argmin(np.where(open_pairs, doubt, np.inf)), doubt.shape)
        names[cluster] = labels[row]
        free.remove(labels[row])
    names[names < 0] = free
    return names


def standardised(train_x: np.ndarray, test_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both parts `[N, D]`, with mean 0 and sd 1 in every column of the first; a column that is constant there is only
    shifted. Rounding gives such a column a tiny sd, by which the second part would be blown up."""
    mean, sd = train_x.mean(0), train_x.std(0)
    varies = np.ptp(train_x, axis=0) > 1e-6 * np.abs(train_x).max(0)
    train_x, test_x = ((x - mean) / np.where(varies, sd, 1.0) for x in (train_x, test_x))
    return train_x, test_x


def _checked(train_x, train_y, test_x, test_y):
    """The arguments as float64 matrices and vectors of labels."""
    train_x, test_x = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (train_x, test_x))
    train_y, test_y = (np.asarray(y) for y in (train_y, test_y))
    if train_x.shape[1] != test_x.shape[1] or train_y.shape != (len(train_x),) or test_y.shape != (len(test_x),):
        shapes = [a.shape for a in (train_x, train_y, test_x, test_y)]
        raise ValueError(f"a probe needs features [N, D] and [M, D] with labels [N] and [M], got {shapes}")
    if not (np.isfinite(train_x).all() and np.isfinite(test_x).all()):
        raise ValueError("a probe's features must be finite; drop those rows")
    return train_x, train_y, test_x, test_y
