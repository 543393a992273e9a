"""Anomaly detection by an energy or a likelihood: train on what is normal, and rank the rest.

Any method whose experiment is named by config.method, and whose own config is carried along, is trained once for every
class that is held out (Pang et al. 2020, arXiv 2006.08205, Table 3), or once on all classes, with another data set as
the anomalies (config.anomaly.other). Scores: experiments/anomaly_scores.py.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import spec, to_float
from ebmjax.evaluation import auprc, auroc, map_batches, pca_errors, precision_recall
from ebmjax.training import cli
from ebmjax.training.config import input_errors
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.training.snapshots import snapshots
from ebmjax.viz import anomaly as viz
from ebmjax.viz import health
from experiments import generators
from experiments.anomaly_arms import arms_of_targets, data_of, prepare, split, targets, title_of
from experiments.anomaly_scores import SCORES, make_scores, those_of


def build(config, data_spec, **prepared):
    """The method that is trained without the first of the classes."""
    return arms_of_targets(config, data_spec, prepared)[targets(config)[0]][""]


def baselines(config, data_spec, **prepared):
    """The method without the other classes, and its experiment's own baselines without each of them."""
    found = {
        title_of(config, arm, target): method
        for target, methods in arms_of_targets(config, data_spec, prepared).items()
        for arm, method in methods.items()
    }
    return {title: method for title, method in found.items() if title != "train"}


def examples(run, target):
    """(training, test) examples as floats, at most evaluate.max_examples each, with is_anomaly and natural."""
    train, test, *masks = (part[: run.config.evaluate.max_examples] for part in split(run.config, run.dataset, target))
    return *(to_float(x, run.dataset.max_value) for x in (train, test)), *masks


def score_functions(run) -> dict:
    """{arm: compiled scores}, one for the trainings of all targets, which differ in their parameters alone."""
    config = run.config
    made = arms_of_targets(config, spec(data_of(config, run.dataset, "train")), run.prepared)[targets(config)[0]]
    names, sigma = config.evaluate.scores, config.model.get("sigma")
    compiled = lambda f: jax.jit(make_scores(f, those_of(f, names), sigma))
    return {arm: compiled(method.functions) for arm, method in made.items()}


def evaluations(run, score, trained, test) -> dict[str, list]:
    """{score: [[M] at each of the last evaluations of the training]} of the test examples."""
    fields, size = run.config.anomaly, run.config.evaluate.batch_size
    states = snapshots(trained.state, fields.evaluate_every, fields.num_evaluations)
    key_of = lambda state: jax.random.fold_in(run.rng_key, state.step)
    found = [map_batches(partial(score, state), test, size, rng_key=key_of(state)) for state in states]
    return {name: [one[name] for one in found] for name in run.config.evaluate.scores if name in found[0]}


def score_target(run, functions, target, train, test) -> tuple[dict, dict]:
    """{label: [[M] at each evaluation]} of the method's scores, and of those of the other arms and PCA."""
    config, own, others = run.config, {}, {}
    for arm, score in functions.items():
        title = title_of(config, arm, target)
        trained = run.trained if title == "train" else run.baselines.get(title)
        if trained is None:
            continue
        found = evaluations(run, score, trained, test)
        if not arm:
            own = found
        else:  # the first score that it has under the arm's name alone
            label, first = arm.removesuffix("_trained"), next(iter(found))
            others |= {label if name == first else f"{label}_{name}": value for name, value in found.items()}
    num, dim = config.evaluate.pca_components, train[0].size
    if 0 < num <= min(len(train), dim) and dim <= generators.MAX_PIXELS:
        others["pca"] = [pca_errors(train, test, num)]
    return own, others


def figures_of(label, scores: list, is_anomaly, natural, brief: bool) -> dict[str, float]:
    """{"auprc_<label>": ...}, and unless `brief` others: means over the evaluations, and their standard deviation."""
    areas = [auprc(s, is_anomaly) for s in scores]
    found = {f"auprc_{label}": float(np.mean(areas))}
    if brief:
        return found
    found[f"auroc_{label}"] = float(np.mean([auroc(s, is_anomaly) for s in scores]))
    if len(areas) > 1:
        found[f"auprc_sd_{label}"] = float(np.std(areas, ddof=1))
    if not natural.all():
        found[f"auprc_natural_{label}"] = float(np.mean([auprc(s[natural], is_anomaly[natural]) for s in scores]))
    return found


def shares(is_anomaly, natural) -> dict[str, float]:
    """What random scores give: the share of anomalies."""
    found = {"auprc_random": np.mean(is_anomaly)}
    return found if natural.all() else found | {"auprc_natural_random": np.mean(is_anomaly[natural])}


def flat(tables: dict[str, dict]) -> dict[str, float]:
    """{figure_<target>: value} of {target: {figure: value}}, after the means over targets of what all of them have."""
    names = dict.fromkeys(name for table in tables.values() for name in table)
    values = {name: [table[name] for table in tables.values() if name in table] for name in names}
    means = {f"{name}_mean": np.mean(found) for name, found in values.items() if len(found) == len(tables)}
    return means | {f"{name}_{target}": value for target, table in tables.items() for name, value in table.items()}


def evaluate(run):
    """Areas under the curves for every target, score and arm; the curves, and what is ranked first and last."""
    functions, own, others, shown = score_functions(run), {}, {}, {}
    main = [run.config.evaluate.scores[0], *(arm.removesuffix("_trained") for arm in functions if arm), "pca"]
    for target in targets(run.config):
        train, test, is_anomaly, natural = examples(run, target)
        scores = score_target(run, functions, target, train, test)
        for table, found in zip((own, others), scores):
            table[target] = {}
            for label, values in found.items():
                with input_errors():  # scores that are not finite, or no anomaly among too few examples
                    table[target] |= figures_of(label, values, is_anomaly, natural, brief=label not in main)
        others[target] |= shares(is_anomaly, natural)
        shown[target] = {label: values[-1] for label, values in (scores[0] | scores[1]).items()}, is_anomaly, test
    return Evaluation(flat(own), flat(others), protocol(run.config), draw(run, main, shown))


def draw(run, labels, shown) -> dict:
    """{path: caption} of precision-recall curves, the test images ranked first and last, and the training's health."""
    path = lambda stem: run.workdir / f"{stem}.png"
    title = f"{run.config.method} on {run.dataset.name}"
    curves = {
        target: {label: precision_recall(scores[label], is_anomaly) for label in labels if label in scores}
        for target, (scores, is_anomaly, _) in shown.items()
    }
    random = {target: float(np.mean(is_anomaly)) for target, (_, is_anomaly, _) in shown.items()}
    viz.plot_precision_recall(curves, random, path("precision_recall"), title=title)
    captions = {path("precision_recall"): "Precision and recall at the end of training, beside random scores"}
    health.plot_health(generators.logged_rows(run), path("health"), title=f"{title}, the first training")
    first = {target: (scores[labels[0]], truth, x) for target, (scores, truth, x) in shown.items() if x.ndim == 4}
    for stem, direction in (("most", -1), ("least", 1)) if first else ():
        rows = [
            (x[order], truth[order]) for s, truth, x in first.values() for order in [np.argsort(direction * s)[:12]]
        ]
        images, marked = (np.stack(part) for part in zip(*rows))
        viz.save_ranked(images, marked, path(f"{stem}_anomalous"))
        captions[path(f"{stem}_anomalous")] = (
            f"The {stem} anomalous test images by {labels[0]}, a row each for {', '.join(shown)}; framed: anomalies"
        )
    return captions | {path("health"): "Health of the first training"}


def protocol(config):
    """How the figures were measured."""
    fields, settings = config.anomaly, config.evaluate
    against = f"trained on {config.data.name}, tested on its test part and that of {fields.other}, the anomalies"
    if fields.held_out:
        against = (
            f"one training for each class held out ({', '.join(targets(config))}) on {fields.train_fraction:.0%} of "
            "the other examples, training and test part pooled, equally many for every class; tested on the rest of "
            "them and on all of the class, which is the anomaly; natural: on as large a part of it as of the others"
        )
    described = "; ".join(f"{name}: {SCORES[name]}" for name in settings.scores)
    return (
        f"{config.method} {against}. At most {settings.max_examples} test examples, and as many training examples for "
        "PCA. auprc: average precision (steps, not trapezoids), anomalies positive; auroc: area under the ROC curve; "
        f"_mean: over the classes. Each is a mean over the last {fields.num_evaluations} evaluations, one every "
        f"{fields.evaluate_every} steps to the end, auprc_sd their standard deviation; no selection. Scores: "
        f"{described}. A baseline's name alone: the first of these scores that it has; pca: squared error of "
        f"{settings.pca_components} components; random: the share of anomalies."
    )


EXPERIMENT = Experiment(
    name="anomaly",
    default_config="configs/anomaly/digits.py",
    prepare=prepare,
    build=build,
    baselines=baselines,
    data_of=data_of,
    evaluate=evaluate,
    draw_samples=generators.draw_samples,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
