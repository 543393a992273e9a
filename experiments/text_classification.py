"""Classification by the frozen latent vectors of a trained text model (Pang et al. 2021, arXiv 2106.02513).

The feature vector of a sentence is the mean of draws from its short-run posterior. Clusters of them, named by one
label, and linear classifiers of a few labels are tested on sentences the model has not seen, beside a bag of words.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import load
from ebmjax.evaluation import cluster_probe, linear_probe, map_batches
from ebmjax.training import cli, results
from ebmjax.training.config import ConfigError, input_errors, require, to_json
from ebmjax.training.files import write_atomically
from ebmjax.training.reproduce import command_of
from ebmjax.training.run import enable_compilation_cache, restore, say
from ebmjax.viz.probes import plot_probes
from ebmjax.viz.report import write_report

DEFAULT_CONFIG = "configs/text_classification/yelp.py"
LOWEST = {"num_draws": 1, "num_labels": 0, "num_repeats": 1, "max_train": 2, "max_test": 1, "batch_size": 1}
TRAIN_FIRST = (
    "python -m experiments.text_short_run --config=configs/text_short_run/yelp.py --config.data.name=lines:FILE"
)


def restored(config):
    """The trained method and state, the name of its data, and (train_x, train_y, test_x, test_y)."""
    if not config.workdir:
        raise ConfigError(f"--config.workdir must name a run trained on labelled sentences: {TRAIN_FIRST}")
    run_config, trained = restore(Path(config.workdir))
    dataset = load(**run_config.data)
    if dataset.vocabulary is None or "encode" not in trained.method.functions:
        raise ConfigError(f"workdir = {config.workdir} holds no model of sentences with latent vectors: {TRAIN_FIRST}")
    if dataset.y_train is None or dataset.y_test is None:
        raise ConfigError(f"{dataset.name}, which {config.workdir} was trained on, has no labels: {TRAIN_FIRST}")
    train, test = config.max_train, config.max_test
    rows = dataset.x_train[:train], dataset.y_train[:train], dataset.x_test[:test], dataset.y_test[:test]
    return trained, dataset.name, rows


def make_encoder(method, num_draws):
    """(state, key, x) -> mean of `num_draws` posterior draws z of each sentence, `[B, d]`; compiled."""

    @jax.jit
    def encode(state, key, x):
        draw = lambda key: method.functions["encode"](state, key, x)
        return jnp.mean(jax.lax.map(draw, jax.random.split(key, num_draws)), axis=0)

    return encode


def features_of(encode, state, rng_key, parts, batch_size):
    """`encode` of each of `parts` `[N, L]`, with noise of its own: arrays `[N, d]`."""
    keys = jax.random.split(rng_key, len(parts))
    bound = lambda key, x: encode(state, key, jnp.asarray(x))
    return [map_batches(bound, x, batch_size, rng_key=key) for x, key in zip(parts, keys, strict=True)]


def bag_of_words(tokens, num_words):
    """Whether each of the vocabulary's first words, the most frequent ones, occurs: `[N, num_words]`."""
    present = np.zeros((len(tokens), num_words))
    rows, columns = np.nonzero(tokens < num_words)
    present[rows, tokens[rows, columns]] = 1.0
    return present


def accuracies(config, train, train_y, test, test_y, **options):
    """{number of labels: (mean accuracy, standard deviation over the draws of labels)}; 0 for clusters."""
    found = {}
    for num in config.num_labels:
        if num > len(train):
            continue
        seeds = [config.seed + i for i in range(config.num_repeats if 0 < num < len(train) else 1)]
        if num == 0:
            values = [cluster_probe(train, train_y, test, test_y, num_components=config.num_components, seed=seeds[0])]
        else:
            values = [linear_probe(train, train_y, test, test_y, num, seed, **options) for seed in seeds]
        found[num] = np.mean(values), np.std(values)
    return found


def classify(arguments):
    """Restore, encode, probe; print the table, draw, and write results.json."""
    config = arguments.config
    if config.get("experiment") != "text_classification":
        raise ConfigError(
            f"this config belongs to another experiment: python -m experiments.{config.get('experiment')}"
        )
    for field, low in LOWEST.items():
        require(config, field, low)
    enable_compilation_cache()
    trained, name, (train_x, train_y, test_x, test_y) = restored(config)
    workdir = arguments.workdir or Path("runs") / "text_classification" / arguments.name
    workdir.mkdir(parents=True, exist_ok=True)
    write_atomically(workdir / "config.json", to_json(config) + "\n")
    say(f"text_classification: {len(train_x)} and {len(test_x)} sentences of {name}, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 2)
    states = {"": trained.state}
    if config.untrained_baseline:
        x = jnp.asarray(train_x[: config.batch_size])
        states["untrained"] = trained.method.init(keys[0], {"x": x, "index": jnp.arange(len(x))})
    encode = make_encoder(trained.method, config.num_draws)
    features, probe = {}, {}
    for arm, state in states.items():
        features[arm] = features_of(encode, state, keys[1], (train_x, test_x), config.batch_size)
        with input_errors():
            probe[arm] = accuracies(config, features[arm][0], train_y, features[arm][1], test_y)
    words = [bag_of_words(x, config.num_words) for x in (train_x, test_x)]
    with input_errors():
        probe["bag_of_words"] = accuracies(config, words[0], train_y, words[1], test_y, standardise=False)
    majority = np.mean(test_y == np.argmax(np.bincount(train_y)))
    path = workdir / "probes.png"
    curves = {
        arm.replace("_", " ") or "latent vector": {n: mean for n, (mean, _) in found.items()}
        for arm, found in probe.items()
    }
    plot_probes(curves, features[""][1], test_y, path, title=f"frozen features of {name}")
    finish(config, name, probe, majority, (len(train_x), len(test_x), int(trained.state.step)), path)


def finish(config, name, probe, majority, sizes, picture):
    """Table and results.json."""
    num_train, num_test, num_steps = sizes
    own, *others = probe
    metrics = {f"accuracy_{n}": mean for n, (mean, _) in probe[own].items()}
    metrics |= {f"accuracy_sd_{n}": sd for n, (_, sd) in probe[own].items() if 0 < n < num_train}
    baselines = {f"accuracy_{n}_{arm}": mean for arm in others for n, (mean, _) in probe[arm].items()}
    protocol = (
        f"Features: the mean of {config.num_draws} draws of the frozen model's short-run posterior. accuracy_<n> on "
        f"{num_test} test sentences of linear support vector machines, C by cross-validation in the n labelled ones, "
        f"mean over {config.num_repeats} draws of these out of {num_train} (accuracy_sd_<n>: standard deviation over "
        f"the draws). accuracy_0: Gaussian mixture of PCA to {config.num_components} dimensions, named by the label of "
        f"its most certain sentence. _bag_of_words: the presence of the {config.num_words} most frequent words "
        "instead; _untrained: the model as it was initialised; accuracy_majority: the more frequent label."
    )
    summary = {
        "experiment": config.experiment,
        "method": "text_classification",
        "dataset": name,
        "metrics": {k: float(v) for k, v in metrics.items()},
        "baselines": {k: float(v) for k, v in (baselines | {"accuracy_majority": majority}).items()},
        "protocol": protocol,
        "seed": config.seed,
        "num_steps": num_steps,
        "commit": results.commit(),
        "command": command_of("text_classification", DEFAULT_CONFIG, config),
        "versions": results.versions(),
    }
    path = picture.with_name("results.json")
    results.write(path, summary)
    results.print_table(path)
    print("wrote:", *(f"  {p}" for p in [picture, path, write_report(path.parent)]), sep="\n")


if __name__ == "__main__":
    cli.command("text_classification", DEFAULT_CONFIG, classify, doc=__doc__)
