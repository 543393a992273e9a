"""What experiments with a generator of latent vectors have in common: their figures and their pictures."""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import fit_classifier, fit_gaussian, frechet_distance, map_batches, pca_mse, sample_in_batches
from ebmjax.training.metrics import read_rows
from ebmjax.viz import health, pictures

MAX_PIXELS = 4096
"""Above this many pixels, distances over pixels and PCA would need covariances of gigabytes: they are left out."""


def examples(run):
    """Training and test examples, at most evaluate.max_examples each."""
    data, num = run.dataset, run.config.evaluate.max_examples
    return [to_float(x[:num], data.max_value) for x in (data.x_train, data.x_test)]


def encode_test(run, trained, test):
    """(z of a posterior sample, its decoding) for the test examples."""
    size = run.config.evaluate.batch_size
    encode, decode = (partial(jax.jit(trained.method.functions[name]), trained.state) for name in ("encode", "decode"))
    z = map_batches(encode, test, size, rng_key=run.rng_key)
    return z, map_batches(decode, z, size)


def pca_figures(train, test, num_components):
    """{"pca_mse"}: the linear opponent, where it can be computed."""
    small = train[0].size <= MAX_PIXELS and num_components <= min(len(train), train[0].size)
    return {"pca_mse": pca_mse(train, test, num_components)} if small else {}


def feature_spaces(run, train):
    """{name: features} in which Fréchet distances are taken: pixels, and a classifier's where there are labels."""
    settings, labels = run.config.evaluate, run.dataset.y_train
    spaces = {"pixels": lambda x: x.reshape(len(x), -1)} if train[0].size <= MAX_PIXELS else {}
    if labels is not None and settings.feature_steps:
        labels, key = labels[: len(train)], jax.random.fold_in(run.rng_key, 1)
        classifier = fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=settings.feature_steps)
        spaces["features"] = classifier.features
    return spaces


def draw_arms(run, arms, num):
    """{arm: num samples} of {arm: (key, n) -> samples}, images clipped to [-1, 1]."""
    size = run.config.evaluate.batch_size
    drawn = {name: sample_in_batches(arm, run.rng_key, num, size) for name, arm in arms.items()}
    is_image = run.dataset.max_value is not None
    return {name: np.clip(x, -1, 1) for name, x in drawn.items()} if is_image else drawn


def frechet_figures(spaces, train, arms):
    """({frechet_<space>}, {frechet_<space>_<arm>}) to the training examples; the arm "" is the method itself."""
    metrics, baselines = {}, {}
    for space, features in spaces.items():
        reference = fit_gaussian(features(train))
        for arm, x in arms.items():
            target = baselines if arm else metrics
            target["_".join(filter(None, ["frechet", space, arm]))] = frechet_distance(features(x), reference)
    return metrics, baselines


def distances(run, train, test, methods):
    """(samples of the first of `methods`, metrics, baselines): Fréchet distances of all, {"": method, arm: other}."""
    spaces = feature_spaces(run, train)
    samplers = {name: partial(jax.jit(m.method.sample, static_argnums=2), m.state) for name, m in methods.items()}
    drawn = draw_arms(run, samplers, len(train) if spaces else 100) | {"real": test}
    return drawn[""], *frechet_figures(spaces, train, drawn)


def inpainting(run, train, test):
    """The hidden lower half of test images: ([picture], metrics, baselines); nothing for tables.

    One posterior sample, and the mean of many: under a true model a sample has twice the squared error of the mean.
    """
    if test.ndim != 4:
        return [], {}, {}
    method, state = run.trained
    num, size = run.config.evaluate.inpainting_samples, run.config.evaluate.batch_size
    mask = np.arange(test.shape[1])[:, None, None] < test.shape[1] // 2
    fill = jax.jit(lambda key, x: method.functions["inpaint"](state, key, x, mask))
    mean = 0.0
    for i in range(num):
        filled = map_batches(fill, test, size, rng_key=jax.random.fold_in(run.rng_key, i))
        mean = mean + filled / num
    hidden = np.broadcast_to(~mask, test.shape)
    error = lambda x: np.mean(np.square(x - test)[hidden])
    path = run.workdir / "inpainting.png"
    pictures.save_pairs(test[:20], filled[:20], path, title="lower halves inferred from the upper ones: one sample")
    metrics = {"inpainting_mse": error(filled), "inpainting_mse_of_mean": error(mean)}
    return [path], metrics, {"inpainting_mse_mean_fill": error(np.mean(train, axis=0))}


def inpainting_protocol(config):
    """How the figures of `inpainting` were measured."""
    return (
        "inpainting_mse: per pixel of the lower half, one sample given the upper half; _of_mean: the mean of "
        f"{config.evaluate.inpainting_samples} such samples, for under a true model a sample has twice the squared "
        "error of the posterior's mean; _mean_fill: the mean training image, a posterior mean that saw nothing."
    )


def logged_rows(run):
    """What was logged up to the state that is evaluated."""
    return [row for row in read_rows(run.workdir / "metrics.jsonl") if row["step"] <= run.trained.state.step]


def draw(run, title, samples, test, reconstructed, z):
    """Sample grid, reconstructions beside originals, interpolations between test images, health of the training."""
    paths = [run.workdir / f"{name}.png" for name in ("samples", "reconstructions", "interpolation", "health")]
    method, state = run.trained
    health.plot_health(logged_rows(run), paths[3], title=f"{title} on {run.dataset.name}")
    if test.ndim != 4:
        return paths[3:]  # a table has no pictures
    pictures.save_grid(samples[:100], paths[0])
    pictures.save_pairs(test[:20], reconstructed[:20], paths[1])
    half = min(8, len(test) // 2)
    ends = [jax.tree.map(lambda leaf, start=start: leaf[start : start + half], z) for start in (0, half)]
    pictures.save_interpolations(method.functions["interpolate"](state, *ends, 10), paths[2])
    return paths


def draw_samples(x, path):
    """A grid of samples while training; nothing for tables."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)
