"""Methods of anomaly detection: a method and its baselines, trained on the normal examples of each anomaly."""

import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, load
from ebmjax.evaluation import hold_out_class
from ebmjax.methods.wrappers import with_snapshots
from ebmjax.report.results import OWN
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Experiment, Trained
from experiments import find
from experiments.build.anomaly_scores import check, known_scores

LIMITS = {"anomaly.evaluate_every": 1, "anomaly.num_evaluations": 1, "evaluate.pca_components": 0}
OTHER = "other"


def base_of(config) -> Experiment:
    """The experiment of config.method."""
    name = str(config.method)
    if name == config.experiment:
        raise ConfigError(f"method = {name}: choose another experiment, e.g. latent_ebm")
    if "num_seeds" in config.get("labels", {}):
        raise ConfigError(f"method = {name}: anomaly detection does not support labels.num_seeds")
    return find(name, "method")


def anomalies(config) -> list[str]:
    """The anomalies, one training each: labels that are held out, or "other"."""
    fields = config.anomaly
    if bool(fields.held_out) == bool(fields.other):
        raise ConfigError("set either anomaly.held_out (classes) or anomaly.other (a data set)")
    return [str(label) for label in fields.held_out] or [OTHER]


def prepare(config, data_spec) -> dict:
    """The stages of the method's own `prepare` (a flow, say), trained on the normal examples of each anomaly:
    {<name>_<anomaly>: ...}. Raises ConfigError for a stage from another run, whose training saw the anomalies."""
    found = {}
    for name, stage in base_of(config).prepare(config, data_spec).items():
        if isinstance(stage, Trained):
            raise ConfigError(f"{name}.run: that run was trained on the anomalies, too; leave it empty")
        for anomaly in anomalies(config):
            own = ConfigDict(stage[0].to_dict() | {"anomaly": config.anomaly.to_dict()})
            own.anomaly.held_out = () if anomaly == OTHER else (int(anomaly),)
            for field in ("evaluate_every", "num_evaluations"):  # they do not affect its training
                del own.anomaly[field]
            found[f"{name}_{anomaly}"] = own.lock(), stage[1]
    return found


def arms_of_anomalies(config, data_spec, prepared) -> dict[str, dict]:
    """{anomaly: `arms`}: the same object for all, compiled once, unless the arms are built on trained stages."""
    if not prepared:
        return dict.fromkeys(anomalies(config), arms(config, data_spec))
    of = lambda anomaly: {
        name.removesuffix(f"_{anomaly}"): stage for name, stage in prepared.items() if name.endswith(f"_{anomaly}")
    }
    return {anomaly: arms(config, data_spec, **of(anomaly)) for anomaly in anomalies(config)}


def arms(config, data_spec, **prepared) -> dict:
    """{OWN: the method of the config, and its experiment's own baselines by their names}."""
    base, fields, wanted = base_of(config), config.anomaly, config.evaluate.scores
    found = {OWN: base.build(config, data_spec, **prepared), **base.baselines(config, data_spec, **prepared)}
    for arm, method in found.items():  # a baseline needs one of the scores, the method all of them
        known = known_scores(method.functions, wanted) if arm else wanted
        check(arm or config.method, method.functions, known or wanted)
    return {arm: with_snapshots(m, fields.evaluate_every, fields.num_evaluations) for arm, m in found.items()}


def title_of(config, arm: str, anomaly: str) -> str:
    """The name of an arm's training and of its folder: "train" for the method itself and the first anomaly."""
    return "train" if arm == OWN and anomaly == anomalies(config)[0] else f"{arm or config.method}_{anomaly}"


def split(config, dataset: Dataset, anomaly: str):
    """(training, test) examples as `Dataset` arrays, and bool `[M]` of the test: is_anomaly, natural (`HeldOut`)."""
    if anomaly == OTHER:
        other = load(config.anomaly.other)
        if other.x_test.shape[1:] != dataset.x_test.shape[1:] or other.max_value != dataset.max_value:
            raise ConfigError(f"anomaly.other: {other.name} has another shape or range than {dataset.name}")
        test = np.concatenate([dataset.x_test, other.x_test])
        is_anomaly = np.arange(len(test)) >= len(dataset.x_test)
        order = np.random.RandomState(0).permutation(len(test))
        return dataset.x_train, test[order], is_anomaly[order], np.ones(len(test), bool)
    if dataset.y_train is None or dataset.y_test is None:
        raise ConfigError(f"anomaly.held_out: {dataset.name} has no labels")
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    try:
        rows = hold_out_class(labels, int(anomaly), config.anomaly.train_fraction)
    except ValueError as error:
        raise ConfigError(f"anomaly.held_out: {error}") from error
    pooled = np.concatenate([dataset.x_train, dataset.x_test])
    return pooled[rows.train], pooled[rows.test], rows.is_anomaly, rows.natural


def check_data(config, dataset):
    """Raise ConfigError unless the test examples of every anomaly hold anomalies and normal ones."""
    for anomaly in anomalies(config):
        _, _, is_anomaly, natural = split(config, dataset, anomaly)
        num = min(len(is_anomaly), config.evaluate.max_examples)
        for kind in (is_anomaly[:num], is_anomaly[:num][natural[:num]]):
            if kind.all() or not kind.any():
                raise ConfigError(
                    f"anomaly {anomaly}: {kind.sum()} of {len(kind)} test examples are anomalies, and curves need "
                    f"both kinds: more examples of {dataset.name}, or a larger evaluate.max_examples"
                )


def data_of(config, dataset, title):
    """The normal examples of the training called `title`."""
    anomaly = anomalies(config)[0] if title == "train" else title.rpartition("_")[2]
    train, test, _, _ = split(config, dataset, anomaly)
    return dataset._replace(x_train=train, y_train=None, x_test=test, y_test=None)
