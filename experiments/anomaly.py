"""Anomaly detection by a learned energy or likelihood: train on normal examples, then rank test examples.

The method is that of the experiment config.method, whose fields the config has too. It is trained once for every
held-out class (Pang et al. 2020, arXiv 2006.08205, Table 3), or once on all classes, with another data set as the
anomalies (config.anomaly.other). Scores: experiments/build/anomaly_scores.py.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import spec, to_float
from ebmjax.evaluation import auprc, auroc, map_batches, pca_errors, precision_recall
from ebmjax.methods.wrappers import snapshots
from ebmjax.report.results import OWN, Figures
from ebmjax.training import cli
from ebmjax.training.config import input_errors
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import anomaly as viz
from experiments.build.anomaly import (
    LIMITS,
    anomalies,
    arms_of_anomalies,
    base_of,
    check_data,
    data_of,
    prepare,
    split,
    title_of,
)
from experiments.build.anomaly_scores import SCORES, known_scores, make_scores
from experiments.measure.history import draw_health
from experiments.measure.images import MAX_PIXELS


def build(config, data_spec, **prepared):
    """The method, to be trained without the first anomaly."""
    return arms_of_anomalies(config, data_spec, prepared)[anomalies(config)[0]][OWN]


def baselines(config, data_spec, **prepared):
    """The method for each other anomaly, and its experiment's own baselines for every anomaly."""
    found = {
        title_of(config, arm, anomaly): method
        for anomaly, methods in arms_of_anomalies(config, data_spec, prepared).items()
        for arm, method in methods.items()
    }
    return {title: method for title, method in found.items() if title != "train"}


def examples(run, anomaly):
    """(training, test) examples as floats, at most evaluate.max_examples each, with is_anomaly and natural."""
    train, test, *masks = (part[: run.config.evaluate.max_examples] for part in split(run.config, run.dataset, anomaly))
    return *(to_float(x, run.dataset.max_value) for x in (train, test)), *masks


def score_functions(run) -> dict:
    """{arm: compiled scores}, shared by the trainings of all anomalies, which differ only in their parameters."""
    config = run.config
    made = arms_of_anomalies(config, spec(data_of(config, run.dataset, "train")), run.prepared)[anomalies(config)[0]]
    names, sigma = config.evaluate.scores, config.model.get("sigma")
    compiled = lambda f: jax.jit(make_scores(f, known_scores(f, names), sigma))
    return {arm: compiled(method.functions) for arm, method in made.items()}


def evaluations(run, score, trained, test) -> dict[str, list]:
    """{score: a list of [M], one for each of the last evaluations} of the test examples."""
    fields, size = run.config.anomaly, run.config.evaluate.batch_size
    states = snapshots(trained.state, fields.evaluate_every, fields.num_evaluations)
    key_of = lambda state: jax.random.fold_in(run.rng_key, state.step)
    found = [map_batches(partial(score, state), test, size, rng_key=key_of(state)) for state in states]
    return {name: [one[name] for one in found] for name in run.config.evaluate.scores if name in found[0]}


def arm_scores(run, functions, anomaly, train, test) -> dict[str, dict[str, list]]:
    """{arm: `evaluations`} of the test examples: the method, its baselines, and PCA."""
    found = {}
    for arm, score in functions.items():
        title = title_of(run.config, arm, anomaly)
        trained = run.trained if title == "train" else run.baselines.get(title)
        if trained is not None:
            found[arm] = evaluations(run, score, trained, test)
    num, dim = run.config.evaluate.pca_components, train[0].size
    if 0 < num <= min(len(train), dim) and dim <= MAX_PIXELS:
        found["pca"] = {f"squared error of {num} components": [pca_errors(train, test, num)]}
    return found


def by_our_scores(scores: dict[str, dict[str, list]]) -> dict[str, dict[str, list]]:
    """`arm_scores` with our scores alone, the first being the main one; an arm that lacks it gets its own first score
    in its place."""
    main = next(iter(scores[OWN]))
    renamed = {
        arm: ({} if main in found else {main: next(iter(found.values()))}) | found for arm, found in scores.items()
    }
    return {arm: {name: found[name] for name in scores[OWN] if name in found} for arm, found in renamed.items()}


def figures_of(label, scores: list, is_anomaly, natural, brief: bool) -> dict[str, float]:
    """{"auprc_<label>": mean over the evaluations}; unless `brief` also auroc, auprc_sd and auprc_natural."""
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


def arm_figures(scores, is_anomaly, natural) -> Figures:
    """{arm: figures} of one anomaly: all for the main score, auprc for others; "random": the share of anomalies."""
    main, figures = next(iter(scores[OWN])), {}
    for arm, found in scores.items():
        figures[arm] = {}
        for name, values in found.items():
            figures[arm] |= figures_of(name, values, is_anomaly, natural, brief=name != main)
    figures["random"] = {f"auprc_{main}": np.mean(is_anomaly)}
    if not natural.all():
        figures["random"][f"auprc_natural_{main}"] = np.mean(is_anomaly[natural])
    return figures


def flat(tables: dict[str, dict]) -> dict[str, float]:
    """{figure_<anomaly>: value} of {anomaly: {figure: value}}, after the means of figures that all anomalies have."""
    names = dict.fromkeys(name for table in tables.values() for name in table)
    values = {name: [table[name] for table in tables.values() if name in table] for name in names}
    means = {f"{name}_mean": np.mean(found) for name, found in values.items() if len(found) == len(tables)}
    return means | {f"{name}_{anomaly}": value for anomaly, table in tables.items() for name, value in table.items()}


def evaluate(run):
    """Areas under the curves for every anomaly, score and arm; the curves, and the examples ranked first and last."""
    functions, tables, shown, stand_ins = score_functions(run), {}, {}, {}
    for anomaly in anomalies(run.config):
        train, test, is_anomaly, natural = examples(run, anomaly)
        found = arm_scores(run, functions, anomaly, train, test)
        stand_ins |= {arm: next(iter(own)) for arm, own in found.items() if run.config.evaluate.scores[0] not in own}
        scores = by_our_scores(found)
        with input_errors():  # scores that are not finite, or no anomaly among too few examples
            tables[anomaly] = arm_figures(scores, is_anomaly, natural)
        shown[anomaly] = {arm: next(iter(own.values()))[-1] for arm, own in scores.items()}, is_anomaly, test
    arms = dict.fromkeys(arm for table in tables.values() for arm in table)
    figures = {arm: flat({anomaly: table.get(arm, {}) for anomaly, table in tables.items()}) for arm in arms}
    return Evaluation(figures, protocol(run.config, [arm for arm in functions if arm], stand_ins), draw(run, shown))


def draw(run, shown) -> dict:
    """{path: caption} of precision-recall curves, the test images ranked first and last, and the training's health."""
    path = lambda stem: run.workdir / f"{stem}.png"
    title, main = f"{run.config.method} on {run.dataset.name}", run.config.evaluate.scores[0]
    curves = {
        anomaly: {arm or main: precision_recall(own, is_anomaly) for arm, own in scores.items()}
        for anomaly, (scores, is_anomaly, _) in shown.items()
    }
    random = {anomaly: float(np.mean(is_anomaly)) for anomaly, (_, is_anomaly, _) in shown.items()}
    viz.plot_precision_recall(curves, random, path("precision_recall"), title=title)
    captions = {path("precision_recall"): "Precision and recall at the end of training, beside random scores"}
    first = {anomaly: (scores[OWN], truth, x) for anomaly, (scores, truth, x) in shown.items() if x.ndim == 4}
    for stem, direction in (("most", -1), ("least", 1)) if first else ():
        rows = [
            (x[order], truth[order]) for s, truth, x in first.values() for order in [np.argsort(direction * s)[:12]]
        ]
        images, marked = (np.stack(part) for part in zip(*rows))
        viz.save_ranked(images, marked, path(f"{stem}_anomalous"))
        captions[path(f"{stem}_anomalous")] = (
            f"The {stem} anomalous test images by {main}, a row each for {', '.join(shown)}; framed: anomalies"
        )
    return captions | draw_health(run, f"{title}, the first training", "Health of the first training")


def protocol(config, trained, stand_ins):
    """How the figures were measured. trained: the baselines. stand_ins: {arm: its score beside our main one}."""
    fields, settings = config.anomaly, config.evaluate
    against = f"trained on {config.data.name}, tested on its test part and that of {fields.other}, the anomalies"
    if fields.held_out:
        against = (
            f"one training for each class held out ({', '.join(anomalies(config))}) on {fields.train_fraction:.0%} of "
            "the other examples, training and test part pooled, equally many for every class; tested on the rest of "
            "them and on all of the class, which is the anomaly; natural: on as large a share of it as of the others"
        )
    described = "; ".join(f"{name}: {SCORES[name]}" for name in settings.scores)
    beside = "; ".join(f"{arm}: {score}" for arm, score in (stand_ins | {"random": "the share of anomalies"}).items())
    others = f" Baselines of experiments.{config.method}: {', '.join(trained)}." if trained else ""
    return (
        f"{config.method} {against}.{others} At most {settings.max_examples} test examples, and as many training "
        "examples for PCA. auprc: average precision (steps, not trapezoids), anomalies positive; auroc: area under the "
        f"ROC curve; _mean: over the classes. Each is a mean over the last {fields.num_evaluations} evaluations, one "
        f"every {fields.evaluate_every} steps to the end, auprc_sd their standard deviation; no selection. Scores: "
        f"{described}. A baseline's figures stand beside ours of the same score; where one lacks {settings.scores[0]}, "
        f"another score replaces it: {beside}."
    )


EXPERIMENT = Experiment(
    default_config="configs/anomaly/digits.py",
    limits=lambda config: {**LIMITS, **base_of(config).limits(config)},
    prepare=prepare,
    build=build,
    baselines=baselines,
    data_of=data_of,
    check_data=check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
