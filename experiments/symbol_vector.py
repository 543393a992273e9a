"""Symbol-vector coupling in a latent space (Pang et al. 2020, arXiv 2010.09359; Pang & Wu 2021, arXiv 2108.11556).

A generator of images, tables or text whose latent energy has an output for each class: it learns from all examples and
few labels, and can draw samples of a class. It is trained on several draws of the labels at once, like the other arms:
a classifier of the labelled examples alone ("supervised"), the same model with N(0, I) instead of the energy
("no_energy"), and without the mutual information ("no_mutual_information").
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import spec
from ebmjax.data.text import to_sentence
from ebmjax.evaluation import map_batches
from ebmjax.files import write_atomically
from ebmjax.objectives.mutual_information import mutual_information
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.training import cli
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Evaluation, Experiment
from ebmjax.viz import latent, pictures
from experiments.build.symbol_vector import LIMITS, data_of, make_arm, num_symbols
from experiments.measure import few_labels, images, symbol_plane, symbol_text
from experiments.measure.estimates import EXAMPLES, over_examples
from experiments.measure.history import draw_health

SHOWN = 10
"""Samples drawn of each symbol for pictures."""
NUM_NEIGHBOURS = 5
"""Of `control_figures`."""
ARMS = {
    "supervised": "a perceptron trained on labelled examples alone, with input noise",
    "no_energy": "the same model with N(0, I) as p(z)",
    "no_mutual_information": "the same model without that term",
}
"""For the protocol."""


def build(config, data_spec):
    """The method of a config, on all draws of the labels."""
    return make_arm(config, data_spec, OWN)


def baselines(config, data_spec):
    """The other arms, config.evaluate.arms, trained as long on the same draws."""
    return {name: make_arm(config, data_spec, name) for name in config.evaluate.arms}


def reconstruction_figures(run, test) -> Figures:
    """reconstruction_mse per entry, or reconstruction_nll in nats per sentence, at draws of q(z | x)."""
    method, states = run.trained  # its `evaluate` uses the first draw of the labels
    measure = jax.jit(lambda key, x: method.evaluate(states, key, {"x": x}))
    found = map_batches(measure, test, run.config.evaluate.batch_size, rng_key=run.rng_key)
    return {OWN: {name: np.mean(values) for name, values in found.items()}}


def likelihood_figures(run, test) -> Figures:
    """nll in nats per example of the first draw's models; nothing where num_samples is 0."""
    settings, figures = run.config.evaluate, {}
    for arm, trained in ({OWN: run.trained} | run.baselines).items():
        if not settings.num_samples or "log_likelihood_estimate" not in trained.method.functions:
            continue
        method, state = few_labels.first_draw(trained)
        # One key for all batches: each subtracts the same estimate of log Z.
        estimate = partial(method.functions["log_likelihood_estimate"], num_samples=settings.num_samples)
        fn = jax.jit(lambda x, estimate=estimate, state=state: estimate(state, run.rng_key, x))
        found = map_batches(fn, test, min(settings.batch_size, len(test)))
        figures[arm] = {"nll": -np.mean(found.log_mean)} | over_examples("nll", found)
    return figures


def drawn_by_symbol(run, first, num):
    """(x `[K, num, ...]`, z `[K, num, d]`) of `num` draws of each symbol."""
    symbols = num_symbols(run.config, spec(run.dataset))
    labels = jnp.repeat(jnp.arange(symbols), num)
    draw = lambda name: np.asarray(jax.jit(first.method.functions[name])(first.state, run.rng_key, labels))
    z = draw("sample_class_latent").reshape(symbols, num, -1)
    if run.config.model.text == "sequence":
        return symbol_text.sample_symbols(run, first, num), z
    x = draw("sample_class")
    return x.reshape(symbols, num, *x.shape[1:]), z


def check_data(config, dataset):
    """Raise ConfigError for fewer training examples than the neighbours of `control_figures`."""
    num = min(len(dataset.x_train), config.evaluate.max_examples)
    if controlled(config) and num < NUM_NEIGHBOURS:
        raise ConfigError(
            f"data.name = {dataset.name}: controlled_accuracy compares with the {NUM_NEIGHBOURS} nearest training "
            f"examples, and there are {num} (at most evaluate.max_examples)"
        )


def controlled(config) -> bool:
    """Whether samples of a class are compared with training examples: of images and tables with labels."""
    return bool(config.labels.weight) and not config.model.text


def control_figures(run, x, train) -> Figures:
    """controlled_accuracy: the share of samples x `[K, num, ...]` of a class that the `NUM_NEIGHBOURS` nearest training
    examples, with all their labels, give that class."""
    if not controlled(run.config):
        return {}
    from sklearn.neighbors import KNeighborsClassifier  # takes half a second to import

    flat = lambda a: np.asarray(a).reshape(len(a), -1)
    neighbors = KNeighborsClassifier(NUM_NEIGHBOURS).fit(flat(train), run.dataset.y_train[: len(train)])
    found = neighbors.predict(flat(x.reshape(-1, *x.shape[2:])))
    return {OWN: {"controlled_accuracy": np.mean(found == np.repeat(np.arange(len(x)), x.shape[1]))}}


def draw(run, x, z, mean, labels):
    """{path: caption} of samples by symbol, of the latent space, and of the training's health."""
    path = run.workdir / "latent.png"
    title = f"symbol-vector coupling on {run.dataset.name}"
    latent.plot_latent(mean, labels, z, path, title=title)
    captions = {path: "Means of test examples by label, and samples of each symbol, on the same principal components."}
    shape = tuple(run.config.evaluate.picture) or x.shape[2:]
    if run.dataset.vocabulary is not None:
        path = run.workdir / "by_symbol.txt"
        write_atomically(path, "\n".join(lines_of(x, run.dataset.vocabulary)) + "\n")
        captions = {path: "Samples of each symbol.", **captions}
    elif len(shape) == 3:
        path = run.workdir / "by_symbol.png"
        grid = x[:, :SHOWN].reshape(-1, *shape)
        pictures.save_grid(np.clip(grid, -1, 1), path, SHOWN, title="samples of each symbol, a row each")
        captions = {path: "Samples of each symbol, a row each, of the first draw of the labels.", **captions}
    health = draw_health(
        run, f"{title}, mean of the draws", "Health of the training: means over the draws of the labels"
    )
    return captions | health


def lines_of(x, vocabulary):
    """The first samples of each symbol, `[K, num, L]`, as text."""
    for symbol, rows in enumerate(x):
        yield f"symbol {symbol}"
        yield from (f"  {to_sentence(row, vocabulary)}" for row in rows[:SHOWN])


def evaluate(run):
    """Accuracies of all arms and draws; of the first draw also likelihood, samples by symbol and the latent space."""
    config, first = run.config, few_labels.first_draw(run.trained)
    train, test = images.examples(run)
    encode = partial(jax.jit(first.method.functions["encode"]), first.state)
    mean = map_batches(encode, test, config.evaluate.batch_size)
    logits = jax.jit(first.method.functions["latent_logits"])(first.state, mean)
    figures, captions, labels = {}, {}, np.argmax(logits, axis=1)
    measured = protocol(config, len(test))
    if config.labels.weight:
        labels = run.dataset.y_test[: len(test)]
        probs = few_labels.probabilities(run, test)
        figures = few_labels.accuracy_figures(probs, labels)
        captions = few_labels.draw_classifiers(run, "symbol-vector", probs, labels)
    x, z = drawn_by_symbol(run, first, 50)
    parts = [{OWN: {"mutual_information_test": mutual_information(logits)}}, reconstruction_figures(run, test)]
    if config.model.text == "sequence":
        parts.append(symbol_text.figures(run, test))
        parts += [symbol_text.control_figures(run, first, test)] if config.labels.weight else []
    else:
        parts += [likelihood_figures(run, test), control_figures(run, x, train)]
    if symbol_plane.known(run):
        found, drawn = symbol_plane.figures_and_pictures(run)
        parts.append(found)
        captions |= drawn
        measured = symbol_plane.PROTOCOL + measured
    figures = merge(figures, *parts)
    captions |= draw(run, x, z, mean, labels)
    return Evaluation(figures, measured, captions)


def protocol(config, num_test):
    """How the figures were measured."""
    text = f"{num_test} test examples. "
    if config.labels.weight:
        text += (
            f"{few_labels.protocol(config)} The class of an example is the most probable symbol at the mean of "
            "q(z | x). "
        )
        if not config.model.text:
            text += (
                f"controlled_accuracy: share of 50 samples of each class that the {NUM_NEIGHBOURS} nearest training "
                f"examples, with all their labels, give that class, drawn by {config.evaluate.class_steps} steps. "
            )
    else:
        text += "No labels. "
    text += "".join(f"{arm}: {ARMS[arm]}. " for arm in config.evaluate.arms)
    if config.model.text == "sequence":
        text += symbol_text.protocol(config)
    elif config.evaluate.num_samples:
        text += (
            f"nll: nats per example, importance-sampled from q(z | x) by {config.evaluate.num_samples} draws, of the "
            "first draw of the labels (a bound, but for the error of log Z, which is too low where p(z) is far from "
            f"N(0, I)); {EXAMPLES} "
        )
    return text + "mutual_information_test: of z and y in nats at the test examples' means. Last parameters."


EXPERIMENT = Experiment(
    default_config="configs/symbol_vector/digits.py",
    limits=lambda config: LIMITS,
    build=build,
    baselines=baselines,
    data_of=data_of,
    check_data=check_data,
    evaluate=evaluate,
)

if __name__ == "__main__":
    cli.main(EXPERIMENT, doc=__doc__)
