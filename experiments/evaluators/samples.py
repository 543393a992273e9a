"""Evaluators of samples: distances to training examples, over pixels and over the features of the FID Inception."""

import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np

from ebmjax.data import DataError, cache, to_float
from ebmjax.evaluation import GaussianFit, fit_gaussian, frechet_distance
from ebmjax.evaluation.coverage import density_coverage
from ebmjax.evaluation.download import given_or_downloaded
from ebmjax.evaluation.fid_protocols import least_images
from ebmjax.evaluation.inception import inception_features, load_inception, make_inception_features
from ebmjax.evaluation.inception_score import inception_score, load_classifier
from ebmjax.evaluation.kernel_distance import kernel_distance, subset_rows
from ebmjax.training.config import ConfigError
from experiments.evaluators.base import Figure, Measured, needs, needs_images, no_sentences, references, samples

NUM_NEIGHBOURS = 5
"""Of `density_pixels`."""


def check_frechet_pixels(run: Measured) -> None:
    """A covariance of samples, and one of training examples."""
    no_sentences(run, "frechet_pixels")
    needs(run, "frechet_pixels", samples=2, train=2)


def frechet_pixels(run: Measured) -> list[Figure]:
    """Fréchet distance over the entries of the examples."""
    x, y = samples(run), references(run)
    value = frechet_distance(x.reshape(len(x), -1), y.reshape(len(y), -1))
    protocol = "over the entries of an example (pixels in [-1, 1], clipped; not a FID), to training examples"
    return [Figure("frechet_pixels", value, None, protocol, {"samples": len(x), "reference": len(y)})]


def check_density_pixels(run: Measured) -> None:
    """Every point has its neighbours, among samples and among training examples."""
    no_sentences(run, "density_pixels")
    needs(run, "density_pixels", samples=NUM_NEIGHBOURS + 1, train=NUM_NEIGHBOURS + 1)


def density_pixels(run: Measured) -> list[Figure]:
    """Precision, recall, density and coverage over the entries of the examples."""
    x, y = samples(run), references(run)
    found = density_coverage(y.reshape(len(y), -1), x.reshape(len(x), -1), num_neighbours=NUM_NEIGHBOURS)
    protocol = f"{NUM_NEIGHBOURS} neighbours, over the entries of an example (pixels in [-1, 1])"
    counts = {"samples": len(x), "reference": len(y)}
    return [Figure(f"{k}_pixels", v, None, protocol, counts) for k, v in found.items()]


def weights_of(run: Measured, name: str) -> Path:
    """The file of the Inception's weights. Raises ConfigError if there is none."""
    try:
        return Path(given_or_downloaded(run.options["inception"]))
    except DataError as error:
        raise ConfigError(f"--with {name}: {error}") from None


def features_of(run: Measured, name: str):
    """(features of pixels in [0, 255], digest of the weights)."""
    given, protocol, path = run.options["inception"], run.options["protocol"], weights_of(run, name)
    try:
        weights, digest = load_inception(path)
    except (OSError, ValueError) as error:
        where = f"--inception {path}" if given else f"{path} is damaged, delete it and download it again"
        raise ConfigError(f"{where}: {error}") from None
    compiled = make_inception_features(weights, protocol)
    more = {"batch_size": run.options["batch_size"], "put": run.put, "progress": run.progress}
    return partial(inception_features, compiled, protocol=protocol, **more), digest


def to_pixels(x) -> np.ndarray:
    """[-1, 1] -> [0, 255]."""
    return (np.asarray(x) + 1.0) * 127.5


def reference_statistics(run: Measured, features, digest: str) -> tuple[GaussianFit, int]:
    """Gaussian fit of the features of the first `num_reference` training images (0: all), cached, and their number.

    The cache's key is a hash of the images themselves, the protocol, and the weights.
    """
    num = run.options["num_reference"] or len(run.dataset.x_train)
    x = np.ascontiguousarray(run.dataset.x_train[:num])
    key = hashlib.sha256(x.tobytes()).hexdigest()[:16]
    folder = cache.root() / "inception" / f"{key}-{run.options['protocol']}-{digest}"
    if folder.exists():
        mean, factor, count = (np.load(folder / f"{name}.npy") for name in ("mean", "factor", "count"))
        return GaussianFit(mean, factor), int(count)
    white = run.dataset.max_value
    found = features(x if white == 255 else to_pixels(to_float(x, white)))  # bytes are enlarged batch by batch
    fit = fit_gaussian(found)
    try:
        with cache.filling(folder) as new:
            for name, array in zip(("mean", "factor", "count"), (*fit, len(found)), strict=True):
                np.save(new / f"{name}.npy", array)
    except DataError as error:  # they are only not kept for the next time
        print(error, file=sys.stderr, flush=True)
    return fit, len(found)


def check_fid(run: Measured) -> None:
    """As many samples and training images as the protocol asks for, and the weights."""
    needs_images(run, "fid")
    least = least_images(run.options["protocol"])
    needs(run, "fid", samples=least, reference=least)
    weights_of(run, "fid")


def fid(run: Measured) -> list[Figure]:
    """Fréchet distance over the features of the FID Inception, by the protocol `options["protocol"]`."""
    features, digest = features_of(run, "fid")
    reference, count = reference_statistics(run, features, digest)
    found = features(to_pixels(samples(run)))
    name, counts = run.options["protocol"], {"samples": len(found), "reference": count}
    protocol = f"protocol {name!r}, weights {digest}, to the statistics of training images"
    return [Figure(f"fid_{name}", frechet_distance(found, reference), None, protocol, counts)]


def check_kid(run: Measured) -> None:
    """Subsets of two of both, that differ, and as many images as the protocol asks for."""
    needs_images(run, "kid")
    least = max(least_images(run.options["protocol"]), 4)
    needs(run, "kid", samples=least, train=least)
    weights_of(run, "kid")


def kid(run: Measured) -> list[Figure]:
    """Kernel distance over the same features, to as many training images; the error is over 100 subsets."""
    features, digest = features_of(run, "kid")
    x, y = features(to_pixels(samples(run))), features(to_pixels(references(run)))
    size = subset_rows(min(len(x), len(y)))
    value, error = kernel_distance(x, y, num_subsets=100, subset_size=size)
    name, counts = run.options["protocol"], {"samples": len(x), "reference": len(y)}
    protocol = f"protocol {name!r}, weights {digest}, cubic kernel, 100 subsets of {size}"
    protocol += "; the error is of the subsets alone, not of drawing the images"
    return [Figure(f"kid_{name}", value, error, protocol, counts)]


def classifier_of(run: Measured) -> np.ndarray:
    """The last layer of the Inception `[2048, classes]`. Raises ConfigError if the weights have none."""
    path = weights_of(run, "inception_score")
    try:
        return load_classifier(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--with inception_score: {error}") from None


def check_inception_score(run: Measured) -> None:
    """An image in every split, as many as the protocol asks for, and weights with a last layer."""
    needs_images(run, "inception_score")
    needs(run, "inception_score", samples=max(least_images(run.options["protocol"]), run.options["num_splits"]))
    classifier_of(run)


def score(run: Measured) -> list[Figure]:
    """The Inception Score of the samples, and its standard deviation over the splits, which is published beside it."""
    features, digest = features_of(run, "inception_score")
    found = features(to_pixels(samples(run)))
    value, deviation = inception_score(found @ classifier_of(run), run.options["num_splits"])
    name, counts = run.options["protocol"], {"samples": len(found), "splits": run.options["num_splits"]}
    protocol = f"protocol {name!r}, weights {digest}, last layer without biases, mean of the splits"
    deviation_protocol = f"{protocol}: its standard deviation over them"
    return [
        Figure(f"inception_score_{name}", value, None, protocol, counts),
        Figure(f"inception_score_{name}_sd", deviation, None, deviation_protocol, counts),
    ]
