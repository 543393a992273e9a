"""Agreement of clusters that a model found with known classes."""

import numpy as np
from numpy.typing import ArrayLike


def purity(clusters: ArrayLike, classes: ArrayLike) -> float:
    """The share of examples whose class is the most frequent one of their cluster: integers ≥ 0 `[N]` twice -> (0, 1].

    1 if every cluster has examples of one class alone. A cluster for each example would have 1 too: compare only for
    as many clusters as classes, where one that holds two equal classes, so that another class is split, costs the share
    of a class. Reference: Manning, Raghavan & Schütze 2008, section 16.3.
    """
    clusters, classes = np.asarray(clusters), np.asarray(classes)
    counts = np.zeros((clusters.max() + 1, classes.max() + 1), int)
    np.add.at(counts, (clusters, classes), 1)
    return float(counts.max(axis=1).sum() / len(clusters))
