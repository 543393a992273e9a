"""Tables: the small labelled sets that come with scikit-learn, and standardised columns."""

import numpy as np

from ebmjax.data.base import DataError, Dataset, fixed_permutation

NUM_TRAIN = {"digits_vectors": 1297, "breast_cancer": 398, "wine": 124}
"""name -> number of training rows; the other 500, 171 and 54 rows are for tests."""


def load_table(name: str) -> Dataset:
    """A set of `NUM_TRAIN`, split by one fixed permutation: float32 `[N, D]`, labels 0 .. K - 1.

    digits_vectors: 8 x 8 pixels in [-1, 1] as 64 columns, 10 classes. breast_cancer: 30 columns, 2 classes. wine: 13
    columns, 3 classes. The columns of the last two have different units and scales: see `standardise`.

    References: Alpaydin & Kaynak 1998; Street et al. 1993; Forina et al. 1988, all UCI, as in scikit-learn.
    """
    from sklearn import datasets  # lazy: it takes a second

    x, y = getattr(datasets, f"load_{name.removesuffix('_vectors')}")(return_X_y=True)
    x = x / 8 - 1 if name == "digits_vectors" else x
    order, n = fixed_permutation(len(x)), NUM_TRAIN[name]
    x, y = x[order].astype(np.float32), y[order].astype(np.int32)
    return Dataset(name, x[:n], y[:n], x[n:], y[n:], max_value=None)


def standardise(dataset: Dataset) -> Dataset:
    """The table with mean 0 and standard deviation 1 in every column of its training part.

    The test part is shifted and scaled by the same numbers. Columns that are constant in the training part become 0
    there. Raises DataError if `dataset` is not a table.
    """
    x = dataset.x_train
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.floating):
        raise DataError(f"{dataset.name}: standardise is for tables of floats [N, D], not {x.dtype}{list(x.shape)}")
    mean, sd = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    # Rounding gives a constant column a tiny deviation; dividing by it would blow up the test part.
    sd = np.where(sd > 1e-6 * np.abs(mean), sd, 1.0)
    scale = lambda part: ((part - mean) / sd).astype(np.float32)
    return dataset._replace(x_train=scale(x), x_test=scale(dataset.x_test))
