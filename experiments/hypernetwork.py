"""Hypernetworks that generate low-loss, diverse weights (Deutsch 2018, arXiv 1801.01952; Deutsch, Nijkamp & Yang 2019,
arXiv 1905.02898).

Trains a network that makes classifiers from noise, beside networks trained directly and a hypernetwork without the
diversity term, and compares them: alone, as ensembles, distilled, attacked, and along paths between their weights.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import spec, to_float
from ebmjax.evaluation.ensembles import member_accuracy
from ebmjax.methods.hypernetwork import direct_networks, hypernetwork
from ebmjax.nets.hypernet import Code, HyperNet
from ebmjax.nets.targets import TARGETS
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose, require
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.metrics import read_rows
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import ensembles as draw_ensembles
from ebmjax.viz import health
from experiments.ensembles import (
    along_paths,
    attack,
    distilled,
    draw_weights,
    path_figures,
    population_figures,
    probabilities,
)

LOWEST = {
    "model.hypernet.latent_dim": 1,
    "model.hypernet.extractor": 1,
    "model.hypernet.code_size": 0,
    "model.hypernet.widths": 1,
    "model.hypernet.depth": 1,
    "model.hypernet.slope": 0,
    "model.hypernet.init_scale": 1e-6,
    "model.num_latents": 2,
    "model.num_neighbours": 1,
    "model.accuracy_weight": 0,
    "model.entropy_weight": 0,
    "model.input_noise": 0,
    "model.num_direct": 0,
    "optimizer.hypernet.learning_rate": 0,
    "optimizer.networks.learning_rate": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.ensemble_size": 2,
    "evaluate.num_ensembles": 1,
    "evaluate.num_paths": 1,
    "evaluate.num_points": 3,
    "evaluate.num_attacked": 1,
    "evaluate.epsilons": 0,
    "evaluate.distill_steps": 0,
    "evaluate.distill_batch_size": 1,
    "evaluate.distill_teachers": 1,
}


def make_target(config, data_spec):
    """The classifier of config.model.target: name of `TARGETS`, and its options."""
    if data_spec.num_classes is None:
        raise ConfigError(f"data.name = {data_spec.name}: classifiers need labels, and this data set has none")
    options = config.model.target.to_dict()
    return choose(TARGETS, options.pop("name"), "model.target.name")(data_spec.shape, data_spec.num_classes, **options)


def make_hypernet(config, target):
    """The hypernetwork of config.model.hypernet for the layers of `target`."""
    fields, layers = config.model.hypernet, target.layers
    num = len(layers)
    widths = fields.widths or tuple(math.ceil(12 * math.sqrt(layer.filter_size)) for layer in layers)
    sizes = [fields.code_size or math.ceil(math.log2(layer.filter_size)) for layer in layers]
    if len(widths) != num:
        raise ConfigError(f"model.hypernet.widths = {widths}: one per layer of the target, which has {num}, or ()")
    whole = [fields.last_code == "layer" and i == num - 1 for i in range(num)]
    choose({"layer": 1, "filter": 1}, fields.last_code, "model.hypernet.last_code")
    codes = tuple(Code(size, (width,) * fields.depth, one) for size, width, one in zip(sizes, widths, whole))
    return HyperNet(layers, codes, fields.extractor, fields.slope, fields.init_scale, fields.batch_norm)


def check(config):
    """Raise ConfigError for fields out of range or that do not fit together."""
    for field, low in LOWEST.items():
        require(config, field, low)
    for field in ("num_latents", "num_direct"):
        num = config.model[field]
        if num and config.train.batch_size % num:
            raise ConfigError(
                f"train.batch_size = {config.train.batch_size} must be a multiple of model.{field} = {num}"
            )


def optimizers_of(config, data_spec, group):
    """{group: its optimiser}."""
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return make_optimizers({group: config.optimizer[group]}, config.train.num_steps, steps_per_epoch)


def build(config, data_spec, *, entropy_weight=None):
    """The method of a config, or the same with another weight of the entropy."""
    check(config)
    target, fields = make_target(config, data_spec), config.model
    return hypernetwork(
        make_hypernet(config, target),
        target,
        optimizers=optimizers_of(config, data_spec, "hypernet"),
        latent_dim=fields.hypernet.latent_dim,
        num_latents=fields.num_latents,
        accuracy_weight=fields.accuracy_weight,
        entropy_weight=fields.entropy_weight if entropy_weight is None else entropy_weight,
        num_neighbours=fields.num_neighbours,
        norm=fields.norm,
        fix_last=fields.fix_last,
        input_noise=fields.input_noise,
    )


def baselines(config, data_spec):
    """Networks trained directly, and the hypernetwork without diversity: as many steps of as many examples each."""
    found = {}
    if config.model.num_direct:
        found["direct"] = direct_networks(
            make_target(config, data_spec),
            optimizers=optimizers_of(config, data_spec, "networks"),
            num_networks=config.model.num_direct,
            input_noise=config.model.input_noise,
        )
    if config.evaluate.no_diversity:
        found["no_diversity"] = build(config, data_spec, entropy_weight=0.0)
    return found


def evaluate(run):
    """All the comparisons, with their pictures."""
    settings, data = run.config.evaluate, run.dataset
    x = jnp.asarray(to_float(data.x_test[: settings.max_examples], data.max_value))
    labels = data.y_test[: settings.max_examples]
    target = make_target(run.config, spec(data))
    num = settings.ensemble_size * settings.num_ensembles
    populations = {"": draw_weights(run.trained, run.rng_key, num)}
    if "no_diversity" in run.baselines:
        populations["no_diversity"] = draw_weights(run.baselines["no_diversity"], run.rng_key, num)
    if "direct" in run.baselines:
        direct = run.baselines["direct"]
        populations["direct"] = direct.method.functions["generate"](direct.state)
    figures, alone = {}, {}
    for arm, weights in populations.items():
        probs = probabilities(target.apply, weights, x, settings.batch_size)
        figures[arm] = population_figures(probs, labels, min(settings.ensemble_size, len(probs)))
        alone[arm] = member_accuracy(probs, labels)
        if arm != "direct":
            first = jax.tree.map(lambda leaf: leaf[: settings.ensemble_size], weights)
            trained = run.baselines.get(arm, run.trained)
            figures[arm]["entropy"] = trained.method.functions["entropy"](trained.state, first)
    curves = along_paths(run, target, populations, x, labels)
    for (arm, name), accuracies in curves.items():
        figures[arm] |= path_figures(f"path_{name}", accuracies)
    attacks = attack(run, target, populations, x, labels)
    for (arm, name), accuracies in attacks.items():
        figures[arm][f"fgsm_{name}"] = np.mean(accuracies[:, len(settings.epsilons) // 2])
    if settings.distill_steps:
        figures[""] |= distilled(run, target, x, labels)
    metrics = figures.pop("")
    others = {f"{name}_{arm}": value for arm, found in figures.items() for name, value in found.items()}
    paths = draw(run, metrics, others, alone, curves, attacks)
    return Evaluation(metrics, others, protocol(run.config, len(x), num), paths)


def draw(run, metrics, others, alone, curves, attacks):
    """{path: caption} of the histogram, the paths and attacks, and the training's health."""
    path = lambda stem: run.workdir / f"{stem}.png"
    marks = {"ensemble": metrics["accuracy_ensemble"], "mean of single": metrics["accuracy_single_mean"]}
    marks |= {"distilled": metrics["accuracy_distilled"]} if "accuracy_distilled" in metrics else {}
    marks |= {"mean of direct": others["accuracy_single_mean_direct"]} if "direct" in alone else {}
    title = f"hypernetwork on {run.dataset.name}"
    draw_ensembles.plot_accuracies(alone[""], marks, path("accuracies"), title)
    names = {("", "z"): "through z", ("", "straight"): "straight", ("direct", "straight"): "straight, trained directly"}
    places = np.linspace(0, 1, run.config.evaluate.num_points)
    names |= {("", "single"): "one network", ("direct", "single"): "one trained directly"}
    names |= {("", "ensemble"): "ensemble, same images", ("", "ensemble_attacked"): "ensemble, attacked itself"}
    panels = {
        "place between two networks": (places, {names[key]: values for key, values in curves.items()}),
        "size of the attack": (run.config.evaluate.epsilons, {names[key]: values for key, values in attacks.items()}),
    }
    draw_ensembles.plot_accuracy_along(panels, path("paths_and_attacks"), title)
    captions = {
        path("accuracies"): "Accuracies of generated networks, each from its own z",
        path("paths_and_attacks"): "Accuracy between two networks, and under the fast gradient sign attack; thin: each",
    }
    rows = [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]
    if rows:
        health.plot_health(rows, path("health"), title=title)
        captions[path("health")] = "Health of the training"
    return captions


def protocol(config, num_test, num):
    """How the figures were measured."""
    settings, fields = config.evaluate, config.model
    last = "centred and scaled" if fields.fix_last else "as it is"
    return (
        f"{num} generated networks on {num_test} test examples; ensembles: means over {settings.num_ensembles} of "
        f"{settings.ensemble_size}, by mean probability (accuracy_vote: by majority). _no_diversity: a hypernetwork "
        f"trained without the entropy; _direct: {fields.num_direct} networks trained directly, as many steps of "
        f"{config.train.batch_size} examples for all together. entropy: of {settings.ensemble_size} gauge-fixed weight "
        f"vectors, last layer {last}, in nats in {fields.hypernet.latent_dim} dimensions: an estimate to compare, not "
        f"a value. path: {settings.num_paths} pairs, {settings.num_points} points, {settings.path_examples} test "
        "examples at most, accuracy in the middle and at its lowest. fgsm: accuracy after a step of "
        f"{settings.epsilons[len(settings.epsilons) // 2]:g} (data in [-1, 1]) along the sign of the gradient of "
        f"{settings.num_attacked} networks: of themselves, of an ensemble of others; ensemble_attacked: the "
        "ensemble's own gradient. ece: 15 bins. distilled: one network trained on mean probabilities of "
        f"{settings.distill_teachers} fresh networks a step, no labels. Last parameters, no selection."
    )


EXPERIMENT = Experiment(
    name="hypernetwork",
    default_config="configs/hypernetwork/digits.py",
    build=build,
    baselines=baselines,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
