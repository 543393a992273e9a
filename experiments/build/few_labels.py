"""Data sets with few labels, drawn by seed."""

from ebmjax.data import Dataset, with_labels


def data_of(config, dataset: Dataset, title: str) -> Dataset:
    """The data set with labels.per_class labels per class for training, drawn by the seeds 0, 1, ..."""
    return with_labels(dataset, config.labels.per_class, range(config.labels.num_seeds))
