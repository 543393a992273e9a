"""What the anomaly experiment trains: a method and its baselines, once for each anomaly, on the normal examples."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np

from ebmjax.data import Dataset, load
from ebmjax.evaluation import hold_out_class
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Experiment
from ebmjax.training.snapshots import with_snapshots
from experiments.anomaly_scores import check, those_of

LOWEST = {"anomaly.evaluate_every": 1, "anomaly.num_evaluations": 1, "evaluate.pca_components": 0}
OTHER = "other"


def base_of(config) -> Experiment:
    """The experiment of config.method."""
    name = str(config.method)
    module = None
    if name.isidentifier() and name != "anomaly" and find_spec(f"experiments.{name}") is not None:
        module = import_module(f"experiments.{name}")
    if not hasattr(module, "EXPERIMENT"):
        raise ConfigError(f"method = {name!r}: there is no experiments.{name} that trains a method")
    if "num_seeds" in config.get("labels", {}):
        raise ConfigError(f"method = {name!r} trains several draws of labels at once, which anomalies are not asked of")
    return module.EXPERIMENT


def targets(config) -> list[str]:
    """What is an anomaly, one training each: labels that are held out, or "other"."""
    fields = config.anomaly
    if bool(fields.held_out) == bool(fields.other):
        raise ConfigError("anomaly.held_out names classes, or anomaly.other a data set: give one of them")
    return [str(label) for label in fields.held_out] or [OTHER]


def arms(config, data_spec) -> dict:
    """{"": the method of the config, and its experiment's own baselines by their names}, one for all targets."""
    for field, low in LOWEST.items():
        require(config, field, low)
    base, fields = base_of(config), config.anomaly
    if base.prepare(config, data_spec):
        raise ConfigError(f"method = {config.method} is built on another model, for which there is no held-out class")
    found = {"": base.build(config, data_spec), **base.baselines(config, data_spec)}
    for name, method in found.items():  # a baseline need not have them all
        wanted = config.evaluate.scores
        mine = those_of(method.functions, wanted) if name else wanted
        check(name or config.method, method.functions, mine or wanted)
    return {name: with_snapshots(m, fields.evaluate_every, fields.num_evaluations) for name, m in found.items()}


def title_of(config, arm: str, target: str) -> str:
    """What the training of an arm is called, and its folder: "train" for the first target of the method itself."""
    return "train" if not arm and target == targets(config)[0] else f"{arm or config.method}_{target}"


def split(config, dataset: Dataset, target: str):
    """(training, test) examples as `Dataset` arrays, and bool `[M]` of the test: is_anomaly, natural (`HeldOut`)."""
    if target == OTHER:
        other = load(config.anomaly.other)
        if other.x_test.shape[1:] != dataset.x_test.shape[1:] or other.max_value != dataset.max_value:
            raise ConfigError(f"anomaly.other: {other.name} has other examples than {dataset.name}")
        test = np.concatenate([dataset.x_test, other.x_test])
        is_anomaly = np.arange(len(test)) >= len(dataset.x_test)
        order = np.random.RandomState(0).permutation(len(test))
        return dataset.x_train, test[order], is_anomaly[order], np.ones(len(test), bool)
    if dataset.y_train is None or dataset.y_test is None:
        raise ConfigError(f"anomaly.held_out: {dataset.name} has no labels")
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    try:
        rows = hold_out_class(labels, int(target), config.anomaly.train_fraction)
    except ValueError as error:
        raise ConfigError(f"anomaly.held_out: {error}") from error
    pooled = np.concatenate([dataset.x_train, dataset.x_test])
    return pooled[rows.train], pooled[rows.test], rows.is_anomaly, rows.natural


def data_of(config, dataset, title):
    """The normal examples of the training of that title."""
    target = targets(config)[0] if title == "train" else title.rpartition("_")[2]
    train, test, _, _ = split(config, dataset, target)
    return dataset._replace(x_train=train, y_train=None, x_test=test, y_test=None)
