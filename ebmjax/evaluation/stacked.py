"""Modes of stacked images (`data.stacked`): how many samples cover, and how unevenly.

A classifier of single grey images names the class of each of three channels, hence one of K³ modes. A wrong name can
make a mode of a sample that is none, so compare with the same figures of real images.
"""

from collections.abc import Callable

import numpy as np

from ebmjax.evaluation.batching import map_batches
from ebmjax.types import Array


def stacked_modes(
    logits_fn: Callable[[Array], Array], x: np.ndarray, num_classes: int, batch_size: int = 1000
) -> np.ndarray:
    """Mode y₀ + K y₁ + K² y₂ of each stack x[N, H, W, 3]: int `[N]` in 0 .. K³ - 1.

    logits_fn: grey images `[B, H, W, 1]` -> logits `[B, K]`. num_classes: K.
    """
    classes = lambda channel: np.argmax(map_batches(logits_fn, channel, batch_size), axis=-1)
    return sum(classes(x[..., i : i + 1]) * num_classes**i for i in range(3))


def mode_figures(modes: np.ndarray, reference: np.ndarray, num_modes: int) -> dict[str, float]:
    """{"modes": number of different modes, "kl_modes": KL(samples' frequencies || reference's) in nats}.

    modes: int `[N]` of samples. reference: int `[M]` of training examples. A mode of samples that the reference lacks
    makes the divergence infinite. With a finite N it is above 0 even for exact samples: by about (K - 1) / 2 N, .05
    for 1,000 modes and 10,000 samples.
    """
    p, q = (np.bincount(found, minlength=num_modes) / len(found) for found in (modes, reference))
    there = p > 0
    with np.errstate(divide="ignore"):
        divergence = np.sum(p[there] * (np.log(p[there]) - np.log(q[there])))
    return {"modes": float(there.sum()), "kl_modes": float(divergence)}
