"""Training with few labels: the rows whose labels are known, drawn by seed; and a validation part.

An unknown label is simply not in the batch. A training set with `Dataset.labelled` gives batches
{"x", "index", "labelled": {"x", "label"}}: "x" are any examples, without labels, and "labelled" are as many labelled
examples, drawn with replacement (`loader.batch_of`). If all labels are known, a batch is {"x", "index", "label"}.
Methods call `methods.base.labelled_part`, which accepts both.
"""

from collections.abc import Sequence

import numpy as np

from ebmjax.data.base import DataError, Dataset, fixed_permutation


def with_labels(dataset: Dataset, per_class: int, seeds: int | Sequence[int]) -> Dataset:
    """`dataset` with `per_class` known training labels of each class, drawn without replacement by seed.

    per_class: ≥ 1; or 0 for all labels, which returns `dataset` itself. seeds: one, or a sequence of S for as many
    draws at once, for `methods.wrappers.replicated`. `labelled` is int32 `[per_class · K]`, or `[S, per_class · K]`,
    rows in the order of the classes. The draws of a seed do not depend on the other seeds.

    Raises DataError, one line, if the data set has no labels or a class has too few examples.
    """
    y = dataset.y_train
    if y is None or dataset.y_test is None:
        raise DataError(f"{dataset.name}: has no labels; they are needed in both the training and the test part")
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


def with_validation(dataset: Dataset, num: int) -> Dataset:
    """`dataset` with the last `num` training examples of a fixed permutation held out as x_valid, y_valid; 0: itself.

    The other training examples keep their order. Raises DataError, one line, for a data set without labels, or if no
    training example would be left. To be called before `with_labels`, whose rows are those of the training part.
    """
    if num == 0:
        return dataset
    x, y = dataset.x_train, dataset.y_train
    if y is None:
        raise DataError(f"{dataset.name}: has no labels, which validation.num_examples = {num} needs")
    if not 0 < num < len(x):
        raise DataError(f"{dataset.name}: validation.num_examples = {num} must be below its {len(x)} training examples")
    order = fixed_permutation(len(x))
    kept, held = np.sort(order[:-num]), np.sort(order[-num:])
    return dataset._replace(x_train=x[kept], y_train=y[kept], x_valid=x[held], y_valid=y[held])
