"""Anomaly detection: metrics of anomaly scores, and the split of a data set with one class held out as the anomaly.

Scores are larger for more anomalous examples (an energy, an error, minus a log-likelihood); anomalies are the positive
class throughout.
"""

from typing import NamedTuple

import numpy as np

from ebmjax.data.base import fixed_permutation


class HeldOut(NamedTuple):
    """Rows of a labelled data set for training and for tests, with one class as the anomaly.

    train: int `[N]`, normal rows. test: int `[M]`, shuffled in a fixed order, so that any first rows are a fair sample.
    is_anomaly: bool `[M]`. natural: bool `[M]`, a subset of the test rows in which anomalies are as frequent as in the
    data set: all normal test rows, and the same fraction of the anomalies.
    """

    train: np.ndarray
    test: np.ndarray
    is_anomaly: np.ndarray
    natural: np.ndarray


def hold_out_class(labels, label: int, train_fraction: float = 0.8) -> HeldOut:
    """A split with a fraction of the other classes for training; their rest and all of class `label` for tests.

    The protocol of the released code of Zenati et al. 2018 (arXiv 1802.06222): the data set's training and test parts
    are pooled; 80 % of the normal rows are for training, the other 20 % and all anomalies for tests. Rows are taken by
    one fixed permutation. The number of training rows is the same for every label, so that one compiled program serves
    all: it is the number with the largest class held out. With other labels the surplus training rows are left out.

    labels: int `[N]`. train_fraction: in (0, 1). Raises ValueError if the label does not occur, or a part is empty.
    """
    labels = np.asarray(labels)
    if not 0 < train_fraction < 1:
        raise ValueError(f"hold_out_class: train_fraction = {train_fraction} must lie between 0 and 1")
    sizes = np.bincount(labels)
    if not 0 <= label < len(sizes) or sizes[label] == 0:
        raise ValueError(f"hold_out_class: no example has the label {label}; the labels are {np.flatnonzero(sizes)}")
    order = fixed_permutation(len(labels))
    normal, anomalous = (order[chosen] for chosen in (labels[order] != label, labels[order] == label))
    num_train = int(train_fraction * (len(labels) - sizes.max()))
    seen = [int(train_fraction * len(rows)) for rows in (normal, anomalous)]
    if num_train < 1 or seen[0] == len(normal):
        raise ValueError(f"hold_out_class: {len(normal)} normal examples are too few for a training and a test part")
    parts = (normal[seen[0] :], anomalous[seen[1] :], anomalous[: seen[1]])
    kinds = np.repeat(np.arange(3), [len(rows) for rows in parts])
    mixed = fixed_permutation(len(kinds))
    test, kinds = np.concatenate(parts)[mixed], kinds[mixed]
    return HeldOut(normal[:num_train], test, kinds > 0, kinds < 2)


def auroc(scores, is_anomaly) -> float:
    """Area under the ROC curve: P(an anomaly scores above a normal example), a tie counting one half.

    scores: `[N]`. is_anomaly: bool `[N]`. Raises ValueError for non-finite scores, or if one class is missing.
    """
    from sklearn.metrics import roc_auc_score  # lazy: the import takes half a second

    return float(roc_auc_score(*_checked(scores, is_anomaly, "auroc")))


def auprc(scores, is_anomaly, convention: str = "step") -> float:
    """Area under the precision-recall curve, anomalies positive. Random scores give the share of anomalies.

    Args:
        scores: `[N]`. is_anomaly: bool `[N]`.
        convention: "step", the average precision Σ (R_i - R_{i-1}) P_i, the standard one and scikit-learn's; or
            "trapezoid" between the curve's points, which is optimistic (Davis & Goadrich 2006) and reported by the
            released code of Yu et al. 2023 (arXiv 2310.03218).

    With a share π of anomalies, no score has less than 1 + (1 - π) log(1 - π) / π. Raises ValueError as `auroc` does.
    """
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve

    truth, scores = _checked(scores, is_anomaly, "auprc")
    if convention == "step":
        return float(average_precision_score(truth, scores))
    if convention == "trapezoid":
        precision, recall, _ = precision_recall_curve(truth, scores)
        return float(auc(recall, precision))
    raise ValueError(f"auprc: unknown convention {convention!r}; known: step, trapezoid")


def precision_recall(scores, is_anomaly) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision), the points of the curve from recall 0 to 1. Arguments and errors as `auprc`'s."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(*_checked(scores, is_anomaly, "precision_recall"))
    return recall[::-1], precision[::-1]


def _checked(scores, is_anomaly, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(is_anomaly, scores), the order of scikit-learn's arguments."""
    scores, truth = np.asarray(scores, np.float64), np.asarray(is_anomaly)
    if scores.ndim != 1 or truth.shape != scores.shape or truth.dtype != bool:
        shapes = f"{scores.shape} and {truth.dtype} {truth.shape}"
        raise ValueError(f"{name}: expected scores[N] and bool is_anomaly[N], got {shapes}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: {np.sum(~np.isfinite(scores))} of {len(scores)} scores are not finite")
    if truth.all() or not truth.any():
        raise ValueError(f"{name}: needs both kinds of examples, got {truth.sum()} anomalies of {len(truth)}")
    return truth, scores
