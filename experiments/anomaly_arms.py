"""What the anomaly experiment trains: a method and its baselines, once for each anomaly, on the normal examples."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, load
from ebmjax.evaluation import hold_out_class
from ebmjax.training.config import ConfigError, require
from ebmjax.training.experiment import Experiment, Trained
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


def prepare(config, data_spec) -> dict:
    """What the method is built on (a flow, say), trained on the normal examples of each target: {<name>_<target>: ...},
    of its experiment's own `prepare`. Raises ConfigError if it is a run of its own, which saw the anomalies."""
    found = {}
    for name, stage in base_of(config).prepare(config, data_spec).items():
        if isinstance(stage, Trained):
            raise ConfigError(f"{name}.run is given, but the anomalies' method needs one that did not see them")
        for target in targets(config):
            own = ConfigDict(stage[0].to_dict() | {"anomaly": config.anomaly.to_dict()})
            own.anomaly.held_out = () if target == OTHER else (int(target),)
            for field in ("evaluate_every", "num_evaluations"):  # on which its training does not depend
                del own.anomaly[field]
            found[f"{name}_{target}"] = own.lock(), stage[1]
    return found


def arms_of_targets(config, data_spec, prepared) -> dict[str, dict]:
    """{target: `arms`}: one and the same for all, compiled once, unless they are built on something trained."""
    if not prepared:
        return dict.fromkeys(targets(config), arms(config, data_spec))
    of = lambda target: {
        name.removesuffix(f"_{target}"): stage for name, stage in prepared.items() if name.endswith(f"_{target}")
    }
    return {target: arms(config, data_spec, **of(target)) for target in targets(config)}


def arms(config, data_spec, **prepared) -> dict:
    """{"": the method of the config, and its experiment's own baselines by their names}."""
    for field, low in LOWEST.items():
        require(config, field, low)
    base, fields = base_of(config), config.anomaly
    found = {"": base.build(config, data_spec, **prepared), **base.baselines(config, data_spec, **prepared)}
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
