"""Anomaly detection: how well a score tells what a model was not trained on, and which examples to hold out.

A score is larger for what is more anomalous (an energy, an error, minus a log-likelihood), and the anomalies are the
positive class throughout.
"""

from typing import NamedTuple

import numpy as np

from ebmjax.data.base import fixed_permutation


class HeldOut(NamedTuple):
    """Which rows of a labelled data set are trained on, and which are tested, when one class is the anomaly.

    train: int `[N]`, normal rows. test: int `[M]`, in a fixed order that mixes both kinds, so that the first rows are
    as good as any. is_anomaly: bool `[M]`. natural: bool `[M]`, the test rows among which anomalies are as frequent as
    in the data set: all the normal ones, and the same fraction of the anomalies.
    """

    train: np.ndarray
    test: np.ndarray
    is_anomaly: np.ndarray
    natural: np.ndarray


def hold_out_class(labels, label: int, train_fraction: float = 0.8) -> HeldOut:
    """Train on a fraction of the other classes; test on the rest of them, and on all of the class held out.

    The protocol of the released code of Zenati et al. 2018 (arXiv 1802.06222): training and test part of the data set
    pooled, 80 % of the normal rows for training, the other 20 % and all anomalies for tests. Rows are taken by one
    fixed permutation. Whatever the label, the number of training rows is the same, that of the largest class's absence
    (so one compiled program trains on any): the normal rows between it and the fraction are left out.

    labels: int `[N]`. train_fraction: in (0, 1). Raises ValueError if the label does not occur, or a part is empty.
    """
    labels = np.asarray(labels)
    if not 0 < train_fraction < 1:
        raise ValueError(f"hold_out_class: train_fraction = {train_fraction} must lie between 0 and 1")
    sizes = np.bincount(labels)
    if not 0 <= label < len(sizes) or sizes[label] == 0:
        raise ValueError(f"hold_out_class: no example has the label {label}; there are {np.flatnonzero(sizes)}")
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

    scores `[N]`, is_anomaly: bool `[N]`. Raises ValueError for non-finite scores, or where one class is missing.
    """
    from sklearn.metrics import roc_auc_score  # takes half a second to import, and few need it

    return float(roc_auc_score(*_checked(scores, is_anomaly, "auroc")))


def auprc(scores, is_anomaly, convention: str = "step") -> float:
    """Area under the precision-recall curve, anomalies positive. Random scores give the share of anomalies.

    Args:
        scores: `[N]`. is_anomaly: bool `[N]`.
        convention: "step", the average precision Σ (R_i - R_{i-1}) P_i, the standard one and scikit-learn's; or
            "trapezoid" between the curve's points, which is optimistic (Davis & Goadrich 2006) and what the released
            code of Yu et al. 2023 (arXiv 2310.03218) reports.

    Of a share π no score can have less than 1 + (1 - π) log(1 - π) / π. Raises ValueError as `auroc` does.
    """
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve

    truth, scores = _checked(scores, is_anomaly, "auprc")
    if convention == "step":
        return float(average_precision_score(truth, scores))
    if convention == "trapezoid":
        precision, recall, _ = precision_recall_curve(truth, scores)
        return float(auc(recall, precision))
    raise ValueError(f"auprc: unknown convention {convention!r}; there are step, trapezoid")


def precision_recall(scores, is_anomaly) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision), the points of the curve from recall 0 to 1. Arguments and errors as `auprc`'s."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(*_checked(scores, is_anomaly, "precision_recall"))
    return recall[::-1], precision[::-1]


def _checked(scores, is_anomaly, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(is_anomaly, scores) as scikit-learn wants them."""
    scores, truth = np.asarray(scores, np.float64), np.asarray(is_anomaly)
    if scores.ndim != 1 or truth.shape != scores.shape or truth.dtype != bool:
        shapes = f"{scores.shape} and {truth.dtype} {truth.shape}"
        raise ValueError(f"{name}: expected scores[N] and bool is_anomaly[N], got {shapes}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: {np.sum(~np.isfinite(scores))} of {len(scores)} scores are not finite")
    if truth.all() or not truth.any():
        raise ValueError(f"{name}: needs anomalies and normal examples, got {truth.sum()} of {len(truth)}")
    return truth, scores
