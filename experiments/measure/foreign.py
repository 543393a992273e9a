"""Foreign examples: how well a classifier's energy tells them from test examples, and histograms of log p(x)."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import load, to_float
from ebmjax.evaluation import auroc, ood_scores
from ebmjax.evaluation.ood import SCORES, between
from ebmjax.report.results import OWN, Figures
from ebmjax.training.config import ConfigError
from ebmjax.viz.classifiers import plot_histograms
from experiments.measure import few_labels

MADE = ("uniform", "between")
"""Foreign examples that are made of the test examples; other names are data sets."""


def foreign_set(name, shape):
    """Another data set. Raises ConfigError if its test examples have another shape than ours."""
    other = load(name)
    if other.x_test.shape[1:] != shape:
        raise ConfigError(f"evaluate.foreign: {name} has shape {other.x_test.shape[1:]}, not {shape}")
    return other


def check_data(config, dataset):
    """Raise ConfigError or DataError for foreign data sets that are missing or do not fit."""
    for name in set(config.evaluate.foreign) - set(MADE):
        foreign_set(name, dataset.x_test.shape[1:])


def foreign_examples(run, name, test):
    """Examples of another kind, as many as `test`: "uniform", "between" (means of two test examples), or a data set."""
    if name == "uniform":  # in the range of every column
        return jax.random.uniform(run.rng_key, test.shape, minval=test.min(0), maxval=test.max(0))
    if name == "between":
        return between(jnp.asarray(test))
    other = foreign_set(name, test.shape[1:])
    return to_float(other.x_test[: len(test)], other.max_value)


def noisy(run, x, index: int):
    """x with Gaussian noise of standard deviation evaluate.foreign_noise; index: another for every set."""
    sd = run.config.evaluate.foreign_noise
    key = jax.random.fold_in(run.rng_key, 1000 + index)
    return np.asarray(x) if sd == 0 else np.asarray(x + sd * jax.random.normal(key, np.shape(x)))


def foreign_scores(run, test) -> dict[str, list]:
    """{"test" or name of a foreign set: the scores of every draw of the labels, {name of `SCORES`: `[N]`}}."""
    method, state = run.trained
    scores = jax.jit(lambda state, x: ood_scores(partial(method.functions["class_logits"], state), x))
    names = run.config.evaluate.foreign
    sets = {"test": test} | {Path(name.split(":")[-1]).stem: foreign_examples(run, name, test) for name in names}
    return {
        name: few_labels.each_draw(run, scores, state, noisy(run, x, i)) for i, (name, x) in enumerate(sets.items())
    }


def foreign_figures(scores) -> Figures:
    """auroc_<foreign>_<score> of our method, from `foreign_scores`: means over the draws."""
    of_test, found = scores["test"], {}
    for name in scores.keys() - {"test"}:
        for score in SCORES:
            pairs = [(a[score], b[score]) for a, b in zip(of_test, scores[name])]
            labels = [np.arange(len(a) + len(b)) >= len(a) for a, b in pairs]
            found[f"auroc_{name}_{score}"] = np.mean(
                [auroc(np.concatenate(pair), is_foreign) for pair, is_foreign in zip(pairs, labels)]
            )
    return {OWN: dict(sorted(found.items()))}


def draw_histograms(run, scores) -> dict:
    """{path: caption} of log_p.png: -E(x) of test and foreign examples, by the first draw of the labels."""
    path = run.workdir / "log_p.png"
    values = {name: -of_draws[0]["energy"] for name, of_draws in scores.items()}
    label = "log p(x) up to a constant, -E(x)"
    plot_histograms(values, path, label, title=f"{run.config.method} on {run.dataset.name}")
    return {path: "log p(x) of test and foreign examples, up to a constant, by the first draw of the labels"}


def protocol(config) -> str:
    """How the figures of `foreign_figures` were measured."""
    kinds = "; ".join(f"{name}: {what}" for name, what in SCORES.items())
    noise = config.evaluate.foreign_noise
    added = f", noise of {noise:g} on all of them" if noise else ""
    return (
        f"auroc_<foreign>_<score>: foreign examples against test examples{added}, {kinds}; uniform: in the range of "
        "each column; between: means of two test examples."
    )
