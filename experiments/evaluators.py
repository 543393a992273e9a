"""What `experiments.evaluate` can measure of a trained run, by name: each evaluator says its protocol and its error."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, cache, to_float
from ebmjax.energies import gaussian, standard_gaussian
from ebmjax.evaluation import GaussianFit, fit_gaussian, frechet_distance, map_batches, sample_in_batches
from ebmjax.evaluation.inception import inception_features, load_inception, make_inception_features
from ebmjax.evaluation.kernel_distance import kernel_distance, subset_rows
from ebmjax.evaluation.manifold import density_coverage
from ebmjax.flows.dequantize import bin_width, bits_per_dim, dequantize
from ebmjax.mcmc import annealed_importance_sampling, base_from, mala, reverse_annealed_importance_sampling
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained
from experiments.targets import energy_of, learned_target

NO_BATCH = 2**30
"""Batch i of samples has the key fold_in(key, i): keys for anything else are folded in from here on."""


class Subject(NamedTuple):
    """What is measured: a trained run, its data, and the options of the command line (`num`, `batch_size`, ...).

    put, progress: of `evaluation.inception.inception_features`.
    """

    workdir: Path
    config: ConfigDict
    dataset: Dataset
    trained: Trained
    key: jax.Array
    options: dict
    put: Callable = jnp.asarray
    progress: Callable = iter


class Figure(NamedTuple):
    """A figure with its standard error (None where nobody knows it), how it was measured, and of how many examples."""

    name: str
    value: float
    standard_error: float | None
    protocol: str
    counts: dict[str, int]


def samples(subject: Subject) -> np.ndarray:
    """`options["num"]` samples of the model, in the units of training, images clipped to [-1, 1]."""
    (method, state), options = subject.trained, subject.options
    draw = jax.jit(partial(method.sample, state), static_argnums=1)
    x = sample_in_batches(draw, subject.key, options["num"], options["batch_size"])
    return np.clip(x, -1.0, 1.0) if subject.dataset.max_value is not None else x


def references(subject: Subject) -> np.ndarray:
    """The first `options["num"]` training examples, in the units of training."""
    return np.asarray(to_float(subject.dataset.x_train[: subject.options["num"]], subject.dataset.max_value))


def needs_images(subject: Subject, name: str) -> None:
    """Raise ConfigError unless the examples are images."""
    if subject.dataset.max_value is None:
        raise ConfigError(f"--with {name}: {subject.dataset.name} does not hold images")


def no_sentences(subject: Subject, name: str) -> None:
    """Raise ConfigError for tokens, which no distance compares."""
    if subject.dataset.vocabulary is not None:
        raise ConfigError(f"--with {name}: {subject.dataset.name} holds sentences")


def frechet_pixels(subject: Subject) -> list[Figure]:
    """Fréchet distance over the numbers of the examples themselves."""
    no_sentences(subject, "frechet_pixels")
    x, y = samples(subject), references(subject)
    value = frechet_distance(x.reshape(len(x), -1), y.reshape(len(y), -1))
    protocol = "over the numbers of an example (pixels in [-1, 1], clipped; never called FID), to training examples"
    return [Figure("frechet_pixels", value, None, protocol, {"samples": len(x), "reference": len(y)})]


def density_pixels(subject: Subject) -> list[Figure]:
    """Precision, recall, density and coverage over the numbers of the examples themselves."""
    no_sentences(subject, "density_pixels")
    x, y = samples(subject), references(subject)
    found = density_coverage(y.reshape(len(y), -1), x.reshape(len(x), -1))
    counts = {"samples": len(x), "reference": len(y)}
    return [
        Figure(f"{k}_pixels", v, None, "5 neighbours, over the numbers of an example (pixels in [-1, 1])", counts)
        for k, v in found.items()
    ]


def features_of(subject: Subject, name: str):
    """(features of pixels in [0, 255], digest of the weights)."""
    needs_images(subject, name)
    path, protocol = subject.options["inception"], subject.options["protocol"]
    if not path:
        raise ConfigError(f"--with {name}: give the weights of the FID Inception by --inception FILE.npz")
    try:
        weights, digest = load_inception(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--inception {path}: {error}") from None
    compiled = make_inception_features(weights, protocol)
    more = {"batch_size": subject.options["batch_size"], "put": subject.put, "progress": subject.progress}
    return partial(inception_features, compiled, protocol=protocol, **more), digest


def to_pixels(x) -> np.ndarray:
    """[-1, 1] -> [0, 255]."""
    return (np.asarray(x) + 1.0) * 127.5


def reference_statistics(subject: Subject, features, digest: str) -> tuple[GaussianFit, int]:
    """Gaussian fit of the features of the first `num_reference` training images (0: all), kept on disk, and its count.

    The cache's key is a hash of the images themselves, the protocol, and the weights.
    """
    num = subject.options["num_reference"] or len(subject.dataset.x_train)
    x = np.ascontiguousarray(subject.dataset.x_train[:num])
    key = hashlib.sha256(x.tobytes()).hexdigest()[:16]
    folder = cache.root() / "inception" / f"{key}-{subject.options['protocol']}-{digest}"
    if not folder.exists():
        white = subject.dataset.max_value
        found = features(x if white == 255 else to_pixels(to_float(x, white)))  # bytes are enlarged batch by batch
        with cache.filling(folder) as new:
            for name, array in zip(("mean", "factor"), fit_gaussian(found), strict=True):
                np.save(new / f"{name}.npy", array)
            np.save(new / "count.npy", len(found))
    mean, factor, count = (np.load(folder / f"{name}.npy") for name in ("mean", "factor", "count"))
    return GaussianFit(mean, factor), int(count)


def fid(subject: Subject) -> list[Figure]:
    """Fréchet distance over the features of the FID Inception, by the protocol `options["protocol"]`."""
    features, digest = features_of(subject, "fid")
    reference, count = reference_statistics(subject, features, digest)
    found = features(to_pixels(samples(subject)))
    name, counts = subject.options["protocol"], {"samples": len(found), "reference": count}
    protocol = f"protocol {name!r}, weights {digest}, to the statistics of training images"
    return [Figure(f"fid_{name}", frechet_distance(found, reference), None, protocol, counts)]


def kid(subject: Subject) -> list[Figure]:
    """Kernel distance over the same features, to as many training images; the error is over 100 subsets."""
    size = subset_rows(min(subject.options["num"], len(subject.dataset.x_train)))
    if size < 2:
        raise ConfigError("--with kid: subsets are of half of the images at most; it needs 4 samples and 4 of training")
    features, digest = features_of(subject, "kid")
    x, y = features(to_pixels(samples(subject))), features(to_pixels(references(subject)))
    value, error = kernel_distance(x, y, num_subsets=100, subset_size=size)
    name, counts = subject.options["protocol"], {"samples": len(x), "reference": len(y)}
    protocol = f"protocol {name!r}, weights {digest}, cubic kernel, 100 subsets of {size}"
    return [Figure(f"kid_{name}", value, error, protocol, counts)]


LOG_Z = "estimated, or learned, by the method, with an error of its own"


def log_likelihood(subject: Subject) -> list[Figure]:
    """The method's own log p(x) of test examples: exact, or estimated as the method says; images also in bits/dim."""
    (method, state), dataset, options = subject.trained, subject.dataset, subject.options
    function = method.functions.get("log_likelihood")
    if subject.config.experiment == "anomaly":
        raise ConfigError("--with log_likelihood: the test part of an anomaly run holds the anomalies")
    if function is None:
        raise ConfigError(f"--with log_likelihood: {subject.config.experiment} has no likelihood; try annealed")
    x = np.asarray(to_float(dataset.x_test[: options["num"]], dataset.max_value))
    if dataset.max_value is not None:
        x = np.asarray(dequantize(jax.random.fold_in(subject.key, NO_BATCH + 1), jnp.asarray(x), dataset.max_value + 1))
    batch = min(options["batch_size"], len(x))
    found = map_batches(jax.jit(partial(function, state)), x, batch, rng_key=subject.key)
    error = float(np.std(found, ddof=1) / np.sqrt(len(found)))
    protocol = (
        "nats, mean over test examples; images dequantised by one draw of uniform noise; the standard error is of "
    )
    protocol += "these examples alone" + ("" if subject.config.experiment == "flow" else f", log Z being {LOG_Z}")
    figures = [Figure("test_log_likelihood", float(np.mean(found)), error, protocol, {"test": len(x)})]
    if dataset.max_value is not None:
        dim, width = int(np.prod(x.shape[1:])), bin_width(dataset.max_value + 1)
        bits = float(np.mean(bits_per_dim(found, dim, width)))
        figures.append(Figure("test_bits_per_dim", bits, error / dim / np.log(2), protocol, {"test": len(x)}))
    return figures


def annealed(subject: Subject) -> list[Figure]:
    """log Z of the learned energy, between annealing from a base to it and back, each with its standard error.

    For energies of x the base is a Gaussian with the moments of the training data and the test log-likelihood follows;
    for those of a latent vector it is N(0, I). The way back starts from the model's own samples: it is an upper bound
    only so far as these are samples of exp(-E / T).
    """
    options, (method, state) = subject.options, subject.trained
    target = learned_target(str(subject.workdir), subject.config, subject.trained)
    latent = energy_of(method.functions)[1]
    base = standard_gaussian(target.dim) if latent else base_of(subject)
    draw = method.functions["sample_latent"] if latent else method.sample
    start = jnp.reshape(
        draw(state, jax.random.fold_in(subject.key, NO_BATCH + 2), options["num_chains"]), (-1, target.dim)
    )
    betas = np.linspace(0.0, 1.0, options["num_betas"] + 1)
    walk = {"betas": betas, "make_kernel": partial(mala, step_size=options["step_size"])}
    forth = partial(annealed_importance_sampling, num_chains=options["num_chains"], **walk)
    back = partial(reverse_annealed_importance_sampling, **walk)
    lower = jax.jit(lambda key: forth(key, base_from(base), target.energy))(subject.key)
    upper_key = jax.random.fold_in(subject.key, NO_BATCH + 3)
    upper = jax.jit(lambda key, x: back(key, x, base_from(base), target.energy))(upper_key, start)
    counts = {"chains": options["num_chains"], "temperatures": options["num_betas"]}
    acceptance = float(jnp.mean(lower.info.acceptance_rate))
    protocol = (
        f"annealed importance sampling by mala of step {options['step_size']:g} (acceptance {acceptance:.2f}) from "
        f"{'N(0, I)' if latent else 'a Gaussian fitted to the training data'}; _upper: backwards from samples"
    )
    bounds = {"lower": lower, "upper": upper}
    figures = [
        Figure(f"log_z_{name}", float(b.log_z), float(b.standard_error), protocol, counts) for name, b in bounds.items()
    ]
    if not latent and subject.config.experiment != "anomaly":
        x = np.asarray(to_float(subject.dataset.x_test[: options["num"]], subject.dataset.max_value))
        energy = map_batches(jax.jit(target.energy), x.reshape(len(x), -1), min(options["batch_size"], len(x)))
        spread = np.std(energy, ddof=1) / np.sqrt(len(x))
        raw = "; grey levels as they are, without the uniform noise of test_log_likelihood"
        of_test = raw if subject.dataset.max_value is not None else ""
        for name, bound in (("upper", lower), ("lower", upper)):  # log p(x) = -E(x) / T - log Z
            error, value = np.hypot(spread, float(bound.standard_error)), -np.mean(energy) - float(bound.log_z)
            name = f"test_log_likelihood_annealed_{name}"
            figures.append(Figure(name, float(value), float(error), protocol + of_test, counts | {"test": len(x)}))
    return figures


def base_of(subject: Subject):
    """A Gaussian with the mean of the training data and 1.5 times their covariance, with a floor for dead pixels."""
    x = references(subject).reshape(-1, int(np.prod(subject.dataset.x_train.shape[1:])))
    covariance = 1.5 * np.atleast_2d(np.cov(x.T)) + 1e-2 * np.eye(x.shape[1])
    return gaussian(x.mean(axis=0), covariance)


EVALUATORS: dict[str, Callable[[Subject], list[Figure]]] = {
    "frechet_pixels": frechet_pixels,
    "density_pixels": density_pixels,
    "fid": fid,
    "kid": kid,
    "log_likelihood": log_likelihood,
    "annealed": annealed,
}
