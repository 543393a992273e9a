"""Few labels: which rows of a training set keep theirs, by seed.

"Label unknown" has one form everywhere: the label is not in the batch. A training set with `Dataset.labelled` gives
batches {"x", "index", "labelled": {"x", "label"}}: all examples pass by without their labels, and as many labelled ones
as the batch has rows are drawn beside them with replacement (`loader.draw_labelled`). With all labels known a batch is
{"x", "index", "label"} as ever. Methods ask `methods.base.labelled_part`, which takes both.
"""

from collections.abc import Sequence

import numpy as np

from ebmjax.data.base import DataError, Dataset


def with_labels(dataset: Dataset, per_class: int, seeds: int | Sequence[int]) -> Dataset:
    """`dataset` of which training sees `per_class` labels of each class, drawn without replacement by seed.

    per_class: ≥ 1; or 0 for all labels, which is `dataset` itself. seeds: one, or a sequence of S for as many draws at
    once, for `training.replicas`: `labelled` is int32 `[per_class · K]`, or `[S, per_class · K]`, rows in the order
    of the classes. The draws of a seed do not depend on the other seeds.

    Raises DataError, one line, without labels, or if a class has too few.
    """
    y = dataset.y_train
    if y is None or dataset.y_test is None:
        raise DataError(f"{dataset.name}: needs labels, in the training and in the test part, and has none")
    if per_class == 0:
        return dataset._replace(labelled=None)
    classes, counts = np.unique(y, return_counts=True)
    if not 1 <= per_class <= counts.min():
        scarce = f"class {classes[counts.argmin()]} has {counts.min()} training examples"
        raise DataError(f"{dataset.name}: {per_class} labels a class must be at least 1 (or 0: all), and {scarce}")

    def draw(seed: int) -> np.ndarray:
        random = np.random.RandomState(seed)  # the generator NumPy promises not to change
        return np.concatenate([random.permutation(np.flatnonzero(y == k))[:per_class] for k in classes])

    rows = draw(seeds) if isinstance(seeds, int) else np.stack([draw(seed) for seed in seeds])
    return dataset._replace(labelled=rows.astype(np.int32))
