"""Classifiers trained on several draws of the labels: their figures on test examples, and a picture."""

from functools import partial

import jax
import numpy as np

from ebmjax.evaluation import map_batches, reliability
from ebmjax.methods.wrappers import replica
from ebmjax.report.results import OWN, Figures
from ebmjax.training.experiment import Trained
from ebmjax.viz import classifiers


def first_draw(trained):
    """The training with the first draw of the labels."""
    return Trained(trained.method, replica(trained.state, 0))


def each_draw(run, function, state, x):
    """The results `[N, ...]` of (state, x `[N, ...]`) -> ... with the state of every draw of the labels."""
    size = run.config.evaluate.batch_size
    states = [replica(state, i) for i in range(run.config.labels.num_seeds)]
    return [map_batches(partial(function, one), x, size) for one in states]


def probabilities(run, x) -> dict[str, np.ndarray]:
    """{arm: p(y | x) `[S, N, K]` by every draw's classifier}, of our method and the other arms."""
    found = {}
    for arm, (method, state) in ({OWN: run.trained} | run.baselines).items():
        logits = each_draw(run, jax.jit(method.functions["class_logits"]), state, x)
        found[arm] = np.asarray(jax.nn.softmax(np.stack(logits)))
    return found


def accuracies(probs, labels) -> dict[str, np.ndarray]:
    """{arm: accuracies `[S]`} of `probabilities`."""
    return {arm: np.mean(np.argmax(p, axis=-1) == labels, axis=-1) for arm, p in probs.items()}


def accuracy_figures(probs, labels) -> Figures:
    """Mean and standard deviation of the accuracy over the draws, and our gains over the arm "supervised"."""
    found = accuracies(probs, labels)
    deviation = lambda values: np.std(values, ddof=1) if len(values) > 1 else 0.0
    figures: Figures = {a: {"accuracy_mean": np.mean(v), "accuracy_sd": deviation(v)} for a, v in found.items()}
    if "supervised" in found:
        gains = found[OWN] - found["supervised"]
        figures[OWN] |= {"gain_over_supervised_lowest": np.min(gains), "gain_over_supervised_highest": np.max(gains)}
    return figures


def draw_classifiers(run, name: str, probs, labels) -> dict:
    """{path: caption} of arms.png: accuracies and calibration of all arms; `name` is our method's."""
    path, per_class = run.workdir / "arms.png", run.config.labels.per_class or "all"
    curves = {arm: reliability(p.reshape(-1, p.shape[-1]), np.tile(labels, len(p))) for arm, p in probs.items()}
    named = lambda table: {arm or name: value for arm, value in table.items()}
    title = f"{name} on {run.dataset.name}, {per_class} labels a class"
    classifiers.plot_accuracy_and_reliability(named(accuracies(probs, labels)), named(curves), path, title=title)
    return {
        path: "Left: test accuracy for each draw of the labels. Right: confidence against accuracy, all draws together."
    }


def protocol(config) -> str:
    """How the figures of `accuracy_figures` were measured."""
    labels = config.labels
    known = f"{labels.per_class} labels a class" if labels.per_class else "All labels"
    return (
        f"{known}, {labels.num_seeds} draws of them (mean, and standard deviation over these), trained at once, each "
        "with its own initial weights and noise. gain_over_supervised: the smallest and the largest difference of the "
        "accuracies over the draws."
    )
