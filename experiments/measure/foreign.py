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


def foreign_scores(run, test) -> tuple[list, dict[str, list]]:
    """(scores of the test examples, {name of a foreign set: its scores}), each a list over the draws of the labels of
    {name of `SCORES`: `[N]`}."""
    method, state = run.trained
    scores = jax.jit(lambda state, x: ood_scores(partial(method.functions["class_logits"], state), x))
    of = lambda x, index: few_labels.each_draw(run, scores, state, noisy(run, x, index))
    names = run.config.evaluate.foreign
    stems = [Path(name.split(":")[-1]).stem for name in names]
    of_foreign = [of(foreign_examples(run, name, test), i) for i, name in enumerate(names, 1)]
    return of(test, 0), dict(zip(stems, of_foreign))


def foreign_figures(of_test, of_foreign) -> Figures:
    """auroc_<foreign>_<score> of our method, from `foreign_scores`: means over the draws."""
    found = {}
    for name, of_draws in of_foreign.items():
        for score in SCORES:
            pairs = [(a[score], b[score]) for a, b in zip(of_test, of_draws)]
            areas = [auroc(np.concatenate([a, b]), np.arange(len(a) + len(b)) >= len(a)) for a, b in pairs]
            found[f"auroc_{name}_{score}"] = np.mean(areas)
    return {OWN: found}


def draw_histograms(run, of_test, of_foreign) -> dict:
    """{path: caption} of log_p.png: -E(x) of test and foreign examples, by the first draw of the labels."""
    path = run.workdir / "log_p.png"
    values = {"test examples": -of_test[0]["energy"]}
    values |= {name: -of_draws[0]["energy"] for name, of_draws in of_foreign.items()}
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
