"""Classification by the frozen latent vectors of a trained text model (Pang et al. 2021, arXiv 2106.02513).

The feature vector of a sentence is the mean of draws from its short-run posterior. Clusters of these vectors, each
named by one label, and linear classifiers of few labels are tested on unseen sentences, beside a bag of words.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.data import load
from ebmjax.evaluation import cluster_probe, linear_probe, map_batches
from ebmjax.report.published import paper_of
from ebmjax.report.results import OWN, merge, write_results
from ebmjax.report.run_page import write_report
from ebmjax.training import cli
from ebmjax.training.config import ConfigError, input_errors
from ebmjax.training.devices import enable_compilation_cache
from ebmjax.training.hosts import print_once
from ebmjax.training.workdir import begin, open_untrained
from ebmjax.viz.classifiers import plot_linear_probes
from experiments.build.trained import restore

NAME, DEFAULT_CONFIG = "text_classification", "configs/text_classification/yelp.py"
LIMITS = {"num_draws": 1, "num_labels": 0, "num_repeats": 1, "max_train": 2, "max_test": 1, "batch_size": 1}
TRAIN_FIRST = (
    "python -m experiments.text_short_run --config=configs/text_short_run/yelp.py --config.data.name=lines:FILE"
)


def restored(config):
    """The trained method and state, the name of its data, and (train_x, train_y, test_x, test_y)."""
    if not config.workdir:
        raise ConfigError(f"--config.workdir must name a run trained on labelled sentences: {TRAIN_FIRST}")
    run_config, trained = restore(config.workdir)
    dataset = load(**run_config.data)
    if dataset.vocabulary is None or "encode" not in trained.method.functions:
        raise ConfigError(f"workdir = {config.workdir} holds no model of sentences with latent vectors: {TRAIN_FIRST}")
    if config.dropout and "encode_with_dropout" not in trained.method.functions:
        raise ConfigError(f"dropout = True needs a run of experiments.text_short_run, not {config.workdir}")
    if dataset.y_train is None or dataset.y_test is None:
        raise ConfigError(f"{dataset.name}, which {config.workdir} was trained on, has no labels: {TRAIN_FIRST}")
    train, test = config.max_train, config.max_test
    rows = dataset.x_train[:train], dataset.y_train[:train], dataset.x_test[:test], dataset.y_test[:test]
    return trained, dataset.name, rows


def make_encoder(method, num_draws, dropout=False):
    """(state, key, x) -> mean of `num_draws` posterior draws z of each sentence, `[B, d]`; compiled. dropout: of the
    decoder, on while z is inferred."""
    infer = method.functions["encode_with_dropout" if dropout else "encode"]

    @jax.jit
    def encode(state, key, x):
        draw = lambda key: infer(state, key, x)
        return jnp.mean(jax.lax.map(draw, jax.random.split(key, num_draws)), axis=0)

    return encode


def features_of(encode, state, rng_key, parts, batch_size):
    """`encode` applied to each of `parts` `[N, L]`, each with its own key: arrays `[N, d]`."""
    keys = jax.random.split(rng_key, len(parts))
    bound = lambda key, x: encode(state, key, jnp.asarray(x))
    return [map_batches(bound, x, batch_size, rng_key=key) for x, key in zip(parts, keys, strict=True)]


def bag_of_words(tokens, num_words):
    """1 where one of the `num_words` most frequent words occurs, else 0: `[N, num_words]`."""
    present = np.zeros((len(tokens), num_words))
    rows, columns = np.nonzero(tokens < num_words)
    present[rows, tokens[rows, columns]] = 1.0
    return present


def accuracies(config, train, train_y, test, test_y, **options):
    """{number of labels: (mean accuracy, standard deviation over the draws of labels)}; 0 labels: clusters."""
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


def accuracies_of_arms(config, features, rows):
    """{arm: `accuracies`} of the latent vectors {arm: (training, test)}, and of a bag of words."""
    train_x, train_y, test_x, test_y = rows
    words = [bag_of_words(x, config.num_words) for x in (train_x, test_x)]
    with input_errors():
        found = {arm: accuracies(config, train, train_y, test, test_y) for arm, (train, test) in features.items()}
        return found | {"bag_of_words": accuracies(config, words[0], train_y, words[1], test_y, standardise=False)}


def figures_of(found, train_y, test_y):
    """accuracy_<n> of every arm, and accuracy_sd_<n> of our own where labels were drawn."""
    majority = np.mean(test_y == np.argmax(np.bincount(train_y)))
    return merge(
        {arm: {f"accuracy_{n}": mean for n, (mean, _) in of.items()} for arm, of in found.items()},
        {OWN: {f"accuracy_sd_{n}": sd for n, (_, sd) in found[OWN].items() if 0 < n < len(train_y)}},
        {"majority": {f"accuracy_{n}": majority for n in found[OWN]}},
    )


def classify(arguments):
    """Restore, encode, classify; print the table, draw, and write results.json."""
    config, workdir, command = open_untrained(NAME, arguments, LIMITS)
    enable_compilation_cache()
    (method, state), dataset, rows = restored(config)
    begin(workdir, config, command)
    train_x, train_y, test_x, test_y = rows
    print_once(f"{NAME}: {len(train_x)} and {len(test_x)} sentences of {dataset}, in {workdir}")
    keys = jax.random.split(jax.random.key(config.seed), 2)
    states = {OWN: state}
    if config.untrained_baseline:
        x = jnp.asarray(train_x[: config.batch_size])
        states["untrained"] = method.init(keys[0], {"x": x, "index": jnp.arange(len(x))})
    encode, parts = make_encoder(method, config.num_draws, config.dropout), (train_x, test_x)
    features = {arm: features_of(encode, state, keys[1], parts, config.batch_size) for arm, state in states.items()}
    found = accuracies_of_arms(config, features, rows)
    curves = {
        arm.replace("_", " ") or "latent vector": {n: mean for n, (mean, _) in of.items()} for arm, of in found.items()
    }
    picture, path = workdir / "probes.png", workdir / "results.json"
    plot_linear_probes(curves, features[OWN][1], test_y, picture, title=f"frozen features of {dataset}")
    origin = {"experiment": NAME, "method": NAME, "dataset": dataset, "seed": config.seed}
    origin |= {"num_steps": int(state.step), "command": command}
    more = {"pictures": {picture.name: ""}, "paper": paper_of(config.to_dict(), dataset)}
    text = protocol(config, len(train_x), len(test_x))
    write_results(path, origin, figures_of(found, train_y, test_y), text, **more)
    print("wrote:", *(f"  {p}" for p in [picture, path, write_report(workdir)]), sep="\n")


def protocol(config, num_train, num_test):
    """How the figures were measured."""
    return (
        f"Features: the mean of {config.num_draws} draws of the frozen model's short-run posterior"
        f"{', with the dropout of its training' if config.dropout else ''}. accuracy_<n> on "
        f"{num_test} test sentences of linear support vector machines, C by cross-validation in the n labelled ones, "
        f"mean over {config.num_repeats} draws of these out of {num_train} (accuracy_sd_<n>: standard deviation over "
        f"the draws). accuracy_0: Gaussian mixture after PCA to {config.num_components} dimensions, named by the label "
        f"of its most certain sentence. bag_of_words: presence of the {config.num_words} most frequent words "
        "instead; untrained: the model at its initialisation; majority: always the more frequent label."
    )


def main(argv=None):
    """The command line."""
    with cli.arguments_of(NAME, DEFAULT_CONFIG, argv, __doc__) as arguments:
        classify(arguments)


if __name__ == "__main__":
    main()
