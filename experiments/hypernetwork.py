"""Hypernetworks that generate low-loss, diverse weights (Deutsch 2018, arXiv 1801.01952; Deutsch, Nijkamp & Yang 2019,
arXiv 1905.02898).

Trains a network that makes classifiers from noise, networks trained directly, and a hypernetwork without the diversity
term, and compares them: alone, as ensembles, distilled, attacked, and along paths between their weights.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import spec, to_float
from ebmjax.evaluation.ensembles import member_accuracy
from ebmjax.methods.hypernetwork import direct_networks, hypernetwork
from ebmjax.nets.hypernet import Code, HyperNet
from ebmjax.nets.targets import INPUTS, TARGETS, with_inputs
from ebmjax.report.results import OWN, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import classifiers
from experiments.build.optimizers import optimizers_of
from experiments.measure import targeted_attack
from experiments.measure.history import draw_health
from experiments.measure.populations import (
    along_paths,
    attack,
    attack_figures,
    distilled,
    draw_weights,
    path_figures,
    population_figures,
    probabilities,
)
from experiments.measure.weights import draw_pictures

LIMITS = {
    "model.hypernet.extractor": 1,
    "model.hypernet.code_size": 0,
    "model.hypernet.depth": 1,
    "model.hypernet.slope": 0,
    "model.hypernet.init_scale": 1e-6,
    "model.num_latents": 2,
    "model.num_neighbours": 1,
    "model.accuracy_weight": 0,
    "model.entropy_weight": 0,
    "model.num_direct": 0,
    "evaluate.ensemble_size": 2,
    "evaluate.num_ensembles": 1,
    "evaluate.num_paths": 1,
    "evaluate.num_points": 3,
    "evaluate.num_attacked": 1,
    "evaluate.path_examples": 1,
    "evaluate.epsilons": 0,
    "evaluate.targeted_sizes": 0,
    "evaluate.distill_steps": 0,
    "evaluate.distill_batch_size": 1,
    "evaluate.distill_teachers": 1,
}


def make_target(config, data_spec):
    """The classifier of config.model.target (name of `TARGETS`, and its options), with config.model.inputs."""
    if data_spec.num_classes is None:
        raise ConfigError(f"data.name = {data_spec.name}: classifiers need labels, and this data set has none")
    options = config.model.target.to_dict()
    make = choose(TARGETS, options.pop("name"), "model.target.name")
    # Runs of earlier versions have no such field.
    inputs = choose(INPUTS, config.model.get("inputs", "signed"), "model.inputs")
    return with_inputs(make(data_spec.shape, data_spec.num_classes, **options), inputs)


def make_hypernet(config, target):
    """The hypernetwork of config.model.hypernet for the layers of `target`."""
    fields, layers = config.model.hypernet, target.layers
    num = len(layers)
    widths = fields.widths or tuple(math.ceil(12 * math.sqrt(layer.filter_size)) for layer in layers)
    sizes = [fields.code_size or math.ceil(math.log2(layer.filter_size)) for layer in layers]
    if len(widths) != num:
        raise ConfigError(f"model.hypernet.widths = {widths} must have one entry for each of {num} layers, or be ()")
    whole = [fields.last_code == "layer" and i == num - 1 for i in range(num)]
    choose({"layer": 1, "filter": 1}, fields.last_code, "model.hypernet.last_code")
    codes = tuple(Code(size, (width,) * fields.depth, one) for size, width, one in zip(sizes, widths, whole))
    options = {name: fields[name] for name in ("slope", "init_scale", "batch_norm")}
    return HyperNet(layers, codes, fields.extractor, **options, linear_codes=fields.get("linear_codes", False))


def check(config):
    """Raise ConfigError unless the batch divides over the networks."""
    for field in ("num_latents", "num_direct"):
        num = config.model[field]
        if num and config.train.batch_size % num:
            raise ConfigError(
                f"train.batch_size = {config.train.batch_size} must be a multiple of model.{field} = {num}"
            )


def group_optimizer(config, data_spec, group):
    """{group: its optimiser}, of the one parameter group of a method."""
    return optimizers_of(config, data_spec, {group: config.optimizer[group]})


def build(config, data_spec, *, entropy_weight=None):
    """The method of a config, or the same with another weight of the entropy."""
    check(config)
    target, fields = make_target(config, data_spec), config.model
    return hypernetwork(
        make_hypernet(config, target),
        target,
        optimizers=group_optimizer(config, data_spec, "hypernet"),
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
    """Networks trained directly, and the hypernetwork without diversity, for as many steps of as many examples."""
    found = {}
    if config.model.num_direct:
        found["direct"] = direct_networks(
            make_target(config, data_spec),
            optimizers=group_optimizer(config, data_spec, "networks"),
            num_networks=config.model.num_direct,
            input_noise=config.model.input_noise,
        )
    if config.evaluate.no_diversity:
        found["no_diversity"] = build(config, data_spec, entropy_weight=0.0)
    return found


def populations_of(run, num):
    """{arm: weights of its networks}: `num` generated ones of each hypernetwork, and all that were trained directly."""
    hypernetworks = {OWN: run.trained} | {k: v for k, v in run.baselines.items() if k != "direct"}
    found = {arm: draw_weights(trained, run.rng_key, num) for arm, trained in hypernetworks.items()}
    if "direct" in run.baselines:
        method, state = run.baselines["direct"]
        found["direct"] = method.functions["generate"](state)
    return found


def entropy_figures(run, arm, weights):
    """{"entropy"} of the weights that a hypernetwork generates; {} for networks trained directly."""
    if arm == "direct":
        return {}
    method, state = run.baselines.get(arm, run.trained)
    first = jax.tree.map(lambda leaf: leaf[: run.config.evaluate.ensemble_size], weights)
    return {"entropy": method.functions["entropy"](state, first)}


def evaluate(run):
    """All the comparisons, with their pictures."""
    settings, data = run.config.evaluate, run.dataset
    x = jnp.asarray(to_float(data.x_test[: settings.max_examples], data.max_value))
    labels = data.y_test[: settings.max_examples]
    target = make_target(run.config, spec(data))
    num = settings.ensemble_size * settings.num_ensembles
    populations = populations_of(run, num)
    alone, figures = {}, {}
    for arm, weights in populations.items():
        probs = probabilities(target.apply, weights, x, settings.batch_size)
        alone[arm] = member_accuracy(probs, labels)
        found = population_figures(probs, labels, min(settings.ensemble_size, len(probs)))
        figures[arm] = found | entropy_figures(run, arm, weights)
    curves = along_paths(run, target, populations, x, labels)
    attacks = attack(run, target, populations, x, labels)
    few = slice(settings.path_examples)
    ensemble = jax.tree.map(lambda leaf: leaf[: settings.ensemble_size], populations[OWN])
    flips = targeted_attack.targeted_attack(run, target, ensemble, x[few], labels[few])
    figures = merge(
        figures,
        path_figures(curves),
        attack_figures(attacks, len(settings.epsilons) // 2),
        targeted_attack.flip_figures(flips),
        {OWN: distilled(run, target, x, labels) if settings.distill_steps else {}},
    )
    shown = draw(run, figures, alone, curves_panels(settings, curves, attacks, flips))
    shown |= draw_pictures(run, target, populations, alone[OWN])
    return Evaluation(figures, protocol(run.config, len(x), num), shown)


NAMES = {
    (OWN, "z"): "through z",
    (OWN, "straight"): "straight",
    ("direct", "straight"): "straight, trained directly",
    (OWN, "single"): "one network",
    ("direct", "single"): "one trained directly",
    (OWN, "ensemble"): "ensemble, same images",
    (OWN, "ensemble_attacked"): "ensemble, attacked itself",
}
"""Names in the pictures of the curves of `along_paths` and `attack`, by arm and kind."""


def curves_panels(settings, curves, attacks, flips):
    """{label of the axis: (its values, {name: accuracies})} of the paths and the attacks."""
    named = lambda found: {NAMES[arm, kind]: values for arm, kinds in found.items() for kind, values in kinds.items()}
    panels = {
        "place between two networks": (np.linspace(0, 1, settings.num_points), named(curves)),
        "size of the attack": (settings.epsilons, named(attacks)),
    }
    if flips is not None:
        panels["size of the targeted attack, in 1/255"] = (flips.sizes, targeted_attack.flip_curves(flips))
    return panels


def draw(run, figures, alone, panels):
    """{path: caption} of the histogram, the paths and attacks, and the training's health."""
    path = lambda stem: run.workdir / f"{stem}.png"
    own = figures[OWN]
    marks = {"ensemble": own["accuracy_ensemble"], "mean of single": own["accuracy_single_mean"]}
    marks |= {"distilled": own["accuracy_distilled"]} if "accuracy_distilled" in own else {}
    marks |= {"mean of direct": figures["direct"]["accuracy_single_mean"]} if "direct" in alone else {}
    title = f"hypernetwork on {run.dataset.name}"
    classifiers.plot_accuracy_histogram(alone[OWN], marks, path("accuracies"), title)
    classifiers.plot_accuracy_curves(panels, path("paths_and_attacks"), title)
    return {
        path("accuracies"): "Accuracies of generated networks, each from its own z",
        path("paths_and_attacks"): "Accuracy between two networks, and under attacks; thin: each",
    } | draw_health(run, title, "Health of the training")


def protocol(config, num_test, num):
    """How the figures were measured."""
    settings, fields = config.evaluate, config.model
    last = "centred and scaled" if fields.fix_last else "as it is"
    return (
        f"{num} generated networks on {num_test} test examples; ensembles: means over {settings.num_ensembles} of "
        f"{settings.ensemble_size}, by mean probability (accuracy_vote: by majority). no_diversity: a hypernetwork "
        f"trained without the entropy; direct: {fields.num_direct} networks trained directly, as many steps of "
        f"{config.train.batch_size} examples for all together. entropy: of {settings.ensemble_size} gauge-fixed weight "
        f"vectors, last layer {last}, in nats in {fields.hypernet.latent_dim} dimensions: an estimate to compare, not "
        f"a value. path: {settings.num_paths} pairs, {settings.num_points} points, {settings.path_examples} test "
        "examples at most, accuracy in the middle and at its lowest. fgsm: accuracy after a step of "
        f"{settings.epsilons[len(settings.epsilons) // 2]:g} (data in [-1, 1]) along the sign of the gradient of "
        f"{settings.num_attacked} networks; single: their own; ensemble: of an ensemble of others; ensemble_attacked: "
        "of the ensemble, by its own gradient. ece: 15 bins. distilled: one network trained on mean probabilities of "
        f"{settings.distill_teachers} fresh networks a step, no labels. Last parameters, no selection."
    ) + targeted_attack.protocol(config)


EXPERIMENT = Experiment(
    default_config="configs/hypernetwork/digits.py",
    limits=lambda config: LIMITS,
    build=build,
    baselines=baselines,
    evaluate=evaluate,
    draw_samples=None,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
