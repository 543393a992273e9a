"""Fréchet distances, reconstructions and inpainting of methods with a generator, and their pictures.

Figures are {arm: {metric: value}}, the method itself being the arm `OWN`.
"""

from functools import partial

import jax
import numpy as np

from ebmjax.data import to_float
from ebmjax.evaluation import fit_classifier, fit_gaussian, frechet_distance, map_batches, pca_mse, sample_in_batches
from ebmjax.report.results import OWN, Figures
from ebmjax.viz import pictures
from experiments.measure.history import draw_health

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


def squared_error(x, y):
    """The mean over all entries."""
    return np.mean(np.square(x - y))


def reconstruction_figures(run, test, arms, metric: str = "test_mse") -> Figures:
    """The squared error per entry of test examples through each of {arm: trained method}."""
    return {arm: {metric: squared_error(encode_test(run, trained, test)[1], test)} for arm, trained in arms.items()}


def pca_figures(train, test, num_components, metric: str = "test_mse") -> Figures:
    """The error of PCA, the linear baseline; {} if it cannot be computed."""
    small = train[0].size <= MAX_PIXELS and num_components <= min(len(train), train[0].size)
    return {"pca": {metric: pca_mse(train, test, num_components)}} if small else {}


def label_classifier(run, train):
    """The small classifier of the training labels whose features give distances; None without labels."""
    labels, num_steps = run.dataset.y_train, run.config.evaluate.feature_steps
    if labels is None or not num_steps:
        return None
    labels, key = labels[: len(train)], jax.random.fold_in(run.rng_key, 1)
    return fit_classifier(key, train, labels, int(labels.max()) + 1, num_steps=num_steps)


def pixel_space(train) -> dict:
    """{"pixels": examples as vectors}, or {} of large images."""
    return {"pixels": lambda x: np.reshape(x, (len(x), -1))} if train[0].size <= MAX_PIXELS else {}


def feature_spaces(run, train, classifier=None) -> dict:
    """{name: features} for Fréchet distances: pixels, and with labels those of `label_classifier`, fitted unless
    given."""
    classifier = classifier or label_classifier(run, train)
    spaces = pixel_space(train)
    return spaces if classifier is None else spaces | {"features": classifier.features}


def draw_arms(run, arms, num) -> dict:
    """{arm: num samples} of {arm: (key, n) -> samples}, images clipped to [-1, 1]."""
    size = run.config.evaluate.batch_size
    drawn = {name: sample_in_batches(arm, run.rng_key, num, size) for name, arm in arms.items()}
    is_image = run.dataset.max_value is not None
    return {name: np.clip(x, -1, 1) for name, x in drawn.items()} if is_image else drawn


def frechet_figures(spaces, train, arms) -> Figures:
    """frechet_<space> of the samples of every arm to the training examples."""
    figures: Figures = {arm: {} for arm in arms}
    for space, features in spaces.items():
        reference = fit_gaussian(features(train))
        for arm, x in arms.items():
            figures[arm][f"frechet_{space}"] = frechet_distance(features(x), reference)
    return figures


def frechet_protocol(num_samples: int, num_real: int) -> str:
    """How the figures of `frechet_figures` were measured, to as many training images as there are samples."""
    return (
        f"frechet_pixels, frechet_features: Fréchet distances of {num_samples} clipped samples to the {num_samples} "
        "training images, over pixels in [-1, 1] and over the last hidden layer of a small classifier of the labels; "
        f"real: {num_real} test images instead of samples."
    )


def sample_figures(run, train, test, arms) -> tuple[np.ndarray, Figures]:
    """(our samples, Fréchet distances) of the samples of {arm: trained method}; the arm "real": of the test images."""
    spaces = feature_spaces(run, train)
    samplers = {name: partial(jax.jit(m.method.sample, static_argnums=2), m.state) for name, m in arms.items()}
    drawn = draw_arms(run, samplers, len(train) if spaces else 100) | {"real": test}
    return drawn[OWN], frechet_figures(spaces, train, drawn)


def inpainting(run, train, test, observed=None) -> tuple[dict, Figures]:
    """The hidden pixels of test images: ({picture: caption}, figures); nothing for tables.

    observed: bool like test, true for the pixels that are seen; by default those of the upper half.

    One posterior sample, and the mean of many: under a true model a sample has twice the squared error of the mean.
    """
    if test.ndim != 4:
        return {}, {}
    method, state = run.trained
    num, size = run.config.evaluate.inpainting_samples, run.config.evaluate.batch_size
    upper = np.arange(test.shape[1])[:, None, None] < test.shape[1] // 2
    mask = np.broadcast_to(upper, test.shape) if observed is None else observed
    fill = jax.jit(lambda key, batch: method.functions["inpaint"](state, key, *batch))
    mean = 0.0
    for i in range(num):
        filled = map_batches(fill, (test, mask), size, rng_key=jax.random.fold_in(run.rng_key, i))
        mean = mean + filled / num
    error = lambda x: np.mean(np.square(x - test)[~mask])
    own = {"inpainting_mse": error(filled), "inpainting_mse_of_mean": error(mean)}
    path = run.workdir / "inpainting.png"
    if observed is None:
        pictures.save_pairs(test[:20], filled[:20], path, title="lower halves inferred from the upper ones: one sample")
    else:
        draw_filled(path, "one sample", test, mask, filled)
    return {path: ""}, {OWN: own, "mean_fill": {"inpainting_mse_of_mean": error(np.mean(train, axis=0))}}


def draw_filled(path, title, x, mask, filled) -> dict:
    """{path: caption} of the first 12 images: what is seen of them, what is inferred, the truth; {} for tables."""
    if x.ndim != 4:
        return {}
    rows = np.stack([np.where(mask, x, 0.0)[:12], filled[:12], x[:12]]).astype(np.float32)
    pictures.save_interpolations(rows, path, title=f"{title}: what is seen, what is inferred, the truth")
    return {path: ""}


def inpainting_protocol(config, hidden: str = "the lower half", seen: str = "the upper half") -> str:
    """How the figures of `inpainting` were measured. hidden, seen: words for the two parts of an image."""
    return (
        f"inpainting_mse: per pixel of {hidden}, one sample given {seen}; inpainting_mse_of_mean: the mean of "
        f"{config.evaluate.inpainting_samples} such samples, because under a true model a sample has twice the squared "
        f"error of the posterior's mean; mean_fill: the mean training image, which ignores {seen}."
    )


def draw(run, title, samples, test, reconstructed, z) -> dict:
    """{path: caption} of samples, reconstructions below originals, interpolations between test images, and health."""
    paths = [run.workdir / f"{name}.png" for name in ("samples", "reconstructions", "interpolation")]
    method, state = run.trained
    health = draw_health(run, f"{title} on {run.dataset.name}")
    if test.ndim != 4:
        return health  # a table has no pictures
    pictures.save_grid(samples[:100], paths[0])
    pictures.save_pairs(test[:20], reconstructed[:20], paths[1])
    half = min(8, len(test) // 2)
    ends = [jax.tree.map(lambda leaf, start=start: leaf[start : start + half], z) for start in (0, half)]
    pictures.save_interpolations(method.functions["interpolate"](state, *ends, 10), paths[2])
    return dict.fromkeys(paths, "") | health
