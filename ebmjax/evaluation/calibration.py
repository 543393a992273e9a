"""Calibration: agreement between a classifier's confidence and its accuracy."""

import numpy as np


def reliability(probs: np.ndarray, labels: np.ndarray, num_bins: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(share of examples, accuracy, mean confidence), each `[num_bins]`, over equal bins of the confidence.

    probs: `[N, C]`. The confidence is the largest probability. Empty bins have accuracy and confidence 0.
    """
    confidence, correct = np.max(probs, axis=-1), np.argmax(probs, axis=-1) == labels
    index = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    counts = np.bincount(index, minlength=num_bins)
    mean = lambda values: np.bincount(index, weights=values, minlength=num_bins) / np.maximum(counts, 1)
    return counts / len(labels), mean(correct), mean(confidence)


def calibration_error(probs: np.ndarray, labels: np.ndarray, num_bins: int = 15) -> float:
    """Expected calibration error of one classifier's probs`[N, C]`, in [0, 1].

    Σ (share of the bin) |accuracy - mean confidence| over equal bins of the confidence, the largest probability.
    Noise biases it upwards, more so with fewer examples per bin: compare only at equal N. Reference: Guo et al. 2017
    (arXiv 1706.04599), eq. (3).
    """
    share, accuracy, confidence = reliability(probs, labels, num_bins)
    return float(np.sum(share * np.abs(accuracy - confidence)))
