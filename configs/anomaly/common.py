"""Anomaly detection's config: that of the experiment whose method is trained, and the classes held out."""

from ml_collections import ConfigDict

LATENT = ("joint", "joint_unit", "latent", "reconstruction")
OF_PAIRS = ("joint_energy", "joint", "reconstruction", "latent")


def anomaly(config: ConfigDict, scores: tuple[str, ...] = LATENT) -> ConfigDict:
    """The config of another experiment, extended. scores: of build/anomaly_scores.py, the main one first."""
    config.method = config.experiment
    config.experiment = "anomaly"
    config.anomaly = ConfigDict(
        {
            "held_out": (1, 4, 5, 7, 9),  # classes, one training each; () where there is another data set
            "other": "",  # a data set whose test part is the anomaly, with training on all classes
            "train_fraction": 0.8,  # of the normal examples
            "evaluate_every": 50,  # steps between the evaluations that are averaged
            "num_evaluations": 10,  # the last ones
        }
    )
    config.evaluate.scores = scores
    config.evaluate.pca_components = 8  # of the linear baseline; 0: none
    config.evaluate.max_examples = 20_000  # of the test set, and of training examples for PCA
    return config


def smoke(config: ConfigDict) -> None:
    """Two classes and two evaluations, after the method's own `smoke`."""
    config.anomaly.update(held_out=(1, 4), evaluate_every=4, num_evaluations=2)
    config.evaluate.max_examples = 128
