"""Stacked images: three grey images as the channels of one, with K³ modes if each has one of K classes.

"stacked:mnist" is the StackedMNIST of the literature, a test of how many modes a generator covers.
"""

import numpy as np

from ebmjax.data.base import DataError, Dataset

NUM_TRAIN, NUM_TEST = 50_000, 10_000
"""Fewest stacks of each part, so that even a small set shows all modes."""


def stack(dataset: Dataset, name: str) -> Dataset:
    """Stacks of grey images of `dataset`, drawn with replacement, the same at every call.

    Each part has as many stacks as it has images, but at least `NUM_TRAIN` and `NUM_TEST`. The label of a stack is
    y₀ + K y₁ + K² y₂ of the classes 0 .. K - 1 of its channels: 0 .. K³ - 1.

    Raises DataError, naming `name`, unless these are grey images with labels. Reference for the use: Metz et al. 2017
    (arXiv 1611.02163); for the label: the official code of Grathwohl, Kelly et al. 2021 (arXiv 2010.04230).
    """
    y_train, y_test = dataset.y_train, dataset.y_test
    if dataset.x_train.ndim != 4 or dataset.x_train.shape[-1] != 1 or y_train is None or y_test is None:
        shape = list(dataset.x_train.shape[1:])
        raise DataError(f"{name}: stacked:NAME needs grey images [H, W, 1] with labels, and {dataset.name} has {shape}")
    num_classes = int(max(y_train.max(), y_test.max())) + 1
    train = _part(dataset.x_train, y_train, num_classes, max(len(y_train), NUM_TRAIN), seed=0)
    test = _part(dataset.x_test, y_test, num_classes, max(len(y_test), NUM_TEST), seed=1)
    return Dataset(name, *train, *test, max_value=dataset.max_value)


def _part(x, y, num_classes: int, num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(`num` stacks [num, H, W, 3], their labels [num])."""
    # RandomState is the generator NumPy promises not to change.
    rows = np.random.RandomState(seed).randint(0, len(x), (num, 3))
    channels = np.stack([x[rows[:, i], ..., 0] for i in range(3)], axis=-1)
    return channels, (y[rows] @ num_classes ** np.arange(3)).astype(np.int32)
