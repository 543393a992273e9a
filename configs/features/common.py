"""The config of features of a trained energy: that of the experiment that trains it, and the linear classifier."""

from ml_collections import ConfigDict


def probed(config: ConfigDict, num_labels: tuple[int, ...]) -> ConfigDict:
    """`config` of an experiment that learns an energy of images, as one of `experiments.features`."""
    config.source = config.experiment
    config.experiment = "features"
    config.evaluate.probe = ConfigDict(
        {
            "num_labels": num_labels,  # equally many per class; 0: all
            "num_draws": 5,  # of the labelled images
            "penalties": (0.0001, 0.001, 0.01, 0.1),  # C of the linear classifier, chosen by cross-validation
            "grid": 4,  # feature maps are max-pooled to grid x grid
            "batch_size": 500,
        }
    )
    return config


def smoke(config: ConfigDict) -> None:
    """One draw and one penalty, after the source's own `smoke`."""
    config.evaluate.probe.update(num_draws=1, penalties=(0.01,))
