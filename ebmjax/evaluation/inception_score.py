"""The Inception Score of images: exp of the information between an image and the class that Inception gives it.

    IS = exp( mean_i KL(p(y | x_i) || p(y)) ),   p(y) = mean_i p(y | x_i)

Reference: Salimans et al. 2016 (arXiv 1606.03498), section 4, and its code: the classes are the network's 1008 outputs
without their biases, and the score is the mean over splits of the samples, with the standard deviation between them.
"""

import os

import numpy as np

from ebmjax.nets.inception import FEATURES

NAMES = ("fc.weight", "net.layers.fc.weight")
"""Of the matrix of the last layer, `[classes, 2048]`: in PyTorch's port, and beside the graph's scopes."""


def load_classifier(path: str | os.PathLike) -> np.ndarray:
    """The last layer's matrix `[2048, classes]` of the Inception's weights, without its biases, in float32.

    Raises ValueError if the file has none, as a file of the features alone, or one of another size.
    """
    with np.load(path) as arrays:
        name = next((name for name in NAMES if name in arrays), None)
        if name is None:
            raise ValueError(
                f"{path} holds no last layer ({NAMES[0]}), which the Inception Score needs: "
                "`python -m ebmjax.evaluation.download` fetches weights that have it"
            )
        weight = np.asarray(arrays[name], np.float32)
    if weight.ndim != 2 or weight.shape[1] != FEATURES:
        raise ValueError(f"{path}: {name} has shape {weight.shape}, expected [classes, {FEATURES}]")
    return weight.T


def inception_score(logits, num_splits: int = 10) -> tuple[float, float]:
    """(mean, standard deviation) of the score over `num_splits` splits of the rows, in order.

    logits: `[N, C]`, of p(y | x) up to a constant in each row; N ≥ num_splits ≥ 1.

    The score lies in [1, C], and its bias falls with the number of images: compare scores of equal N and splits. The
    standard deviation (with denominator `num_splits`, as published) is that of one split's score, not the error of the
    mean. Raises ValueError for other shapes, too few rows, or logits that are not finite.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or not 1 <= num_splits <= len(logits):
        raise ValueError(
            f"inception_score: expected logits [N, C] with N ≥ num_splits ≥ 1, got shape {logits.shape} and "
            f"num_splits = {num_splits}"
        )
    if not np.isfinite(logits).all():
        raise ValueError("inception_score: logits hold numbers that are not finite")
    edges = np.arange(num_splits + 1) * len(logits) // num_splits
    scores = [_score(logits[start:end]) for start, end in zip(edges[:-1], edges[1:], strict=True)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(logits: np.ndarray) -> float:
    """exp of the mean divergence of the rows from their mean."""
    log_p = logits - np.max(logits, axis=1, keepdims=True)
    log_p = log_p - np.log(np.sum(np.exp(log_p), axis=1, keepdims=True))
    p = np.exp(log_p)
    mean = p.mean(axis=0)
    # A class of probability 0 in all rows has 0 · log 0 = 0.
    log_mean = np.log(np.where(mean > 0, mean, 1.0))
    return float(np.exp(np.mean(np.sum(p * (log_p - log_mean), axis=1))))
