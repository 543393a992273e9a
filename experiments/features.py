"""Features of an energy learned without labels: a linear classifier on the activations of all its layers.

Trains an energy of images as the experiment config.source does (Gao et al. 2020, arXiv 1912.00589: flow contrastive
estimation), then a linear support vector machine on its features with a few labels per class. The same classifier on
raw pixels and on the untrained network is compared.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import linear_probe, map_batches
from ebmjax.evaluation.linear_probe import standardised
from ebmjax.nets import ACTIVATIONS, layer_features
from ebmjax.report.results import OWN
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from experiments import find
from experiments.measure.history import draw_health


def source_of(config):
    """The experiment config.source. Raises ConfigError if it has no energy network."""
    found = find(config.source, "source")
    if found.energy_net is None:
        raise ConfigError(f"source = {config.source}: experiments.{config.source} has no energy network")
    return found


def limits(config):
    """Limits of the source and of the linear classifier; labels.weight must be 0: the energy learns without labels."""
    own = {f"evaluate.probe.{name}": 1 for name in ("grid", "num_draws", "batch_size")}
    return source_of(config).limits(config) | own | {"labels.weight": (0, 0)}


def prepare(config, data_spec):
    """The stages that config.source trains first. Raises ConfigError, before any training, for an unfit config."""
    if data_spec.num_classes is None or data_spec.max_value is None:
        raise ConfigError(f"data.name = {config.data.name} has no labelled images: features are evaluated on these")
    for num in config.evaluate.probe.num_labels:
        if num % data_spec.num_classes or not 0 <= num <= data_spec.num_train:
            raise ConfigError(
                f"evaluate.probe.num_labels: {num} must be a multiple of the {data_spec.num_classes} classes "
                f"in [0, {data_spec.num_train}]; 0: all"
            )
    return source_of(config).prepare(config, data_spec)


def build(config, data_spec, **prepared):
    """The method of config.source."""
    return source_of(config).build(config, data_spec, **prepared)


def check_data(config, dataset):
    """Raise ConfigError unless every class has the labelled images that evaluate.probe.num_labels asks for."""
    for num in () if dataset.y_train is None else config.evaluate.probe.num_labels:
        rows_by_class(dataset.y_train, num, seed=0)
    source_of(config).check_data(config, dataset)


def features_of(config, params, x):
    """Activations of the energy's layers at images x `[N, H, W, C]`: `[N, D]`."""
    fields, probe = config.model.energy, config.evaluate.probe
    leaky = lambda y: jax.nn.leaky_relu(y, fields.slope)
    features = partial(
        layer_features,
        source_of(config).energy_net(config, x.shape[1:]),
        params,
        activation=ACTIVATIONS[fields.activation] if fields.name == "mlp" else leaky,
        grid=probe.grid,
    )
    return map_batches(jax.jit(features), x, probe.batch_size)


def rows_by_class(labels, num, seed):
    """`num` rows, equally many per class, drawn by `seed`; all if 0. Raises ConfigError if a class has too few."""
    if not num:
        return np.arange(len(labels))
    classes, draw = np.unique(labels), np.random.RandomState(seed)
    each, found = num // len(classes), [np.flatnonzero(labels == c) for c in classes]
    if min(map(len, found)) < each:
        raise ConfigError(f"evaluate.probe.num_labels = {num}: the rarest class has {min(map(len, found))} examples")
    return np.concatenate([draw.permutation(rows)[:each] for rows in found])


def probe_errors(settings, train_x, train_y, test_x, test_y):
    """{number of labels: share of misclassified test rows, averaged over draws of the labelled rows}."""
    train_x, test_x = standardised(train_x, test_x)
    errors = {}
    for num in settings.num_labels:
        seeds = range(settings.num_draws if num else 1)  # there is one draw of all rows
        draws = (rows_by_class(train_y, num, seed) for seed in seeds)
        probe = partial(linear_probe, test_x=test_x, test_y=test_y, penalties=settings.penalties, standardise=False)
        errors[num or len(train_y)] = 1 - np.mean([probe(train_x[rows], train_y[rows]) for rows in draws])
    return errors


def evaluate(run):
    """Errors of the linear classifier on three kinds of features."""
    config, data = run.config, run.dataset
    settings, (method, state) = config.evaluate.probe, run.trained
    train, test = (to_float(x, data.max_value) for x in (data.x_train, data.x_test))
    untrained = method.init(jax.random.fold_in(run.rng_key, 1), {"x": train[: config.train.batch_size]})
    kinds = {
        OWN: partial(features_of, config, state.params["energy"]),
        "untrained": partial(features_of, config, untrained.params["energy"]),
        "pixels": lambda x: x.reshape(len(x), -1),
    }
    figures = {}
    for arm, features in kinds.items():
        train_x, test_x = (np.asarray(features(x), np.float32) for x in (train, test))
        errors = probe_errors(settings, train_x, data.y_train, test_x, data.y_test)
        figures[arm] = {f"error_{num}_labels": error for num, error in errors.items()}
        figures[arm]["num_features"] = train_x.shape[1]
    return Evaluation(figures, protocol(config), draw_health(run, f"{config.source} on {data.name}"))


def protocol(config):
    """How the figures were measured."""
    settings = config.evaluate.probe
    return (
        "error_N_labels: share of the test images that a linear support vector machine of N labels, equally many per "
        f"class, gets wrong; mean over {settings.num_draws} draws of these unless N is all. Features: activations "
        f"of all layers, feature maps max-pooled to {settings.grid} x {settings.grid}, standardised over the training "
        "images; the penalty by cross-validation in the labelled ones. untrained: the network at its initialisation; "
        f"pixels: the image. The energy was trained by {config.source} on all training images without labels."
    )


EXPERIMENT = Experiment(
    default_config="configs/features/digits.py",
    limits=limits,
    prepare=prepare,
    build=build,
    check_data=check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
