"""The run of `experiments.evaluate` and its figures; samples and references, which evaluators share."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from ebmjax.data import Dataset, to_float
from ebmjax.evaluation import distinct_samples
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Trained

NO_BATCH = 2**30
"""Batch i of samples has the key fold_in(key, i): keys for anything else are folded in from here on."""


class Measured(NamedTuple):
    """A trained run to be measured, its data, and the options of the command line (`num`, `batch_size`, ...).

    put, progress: arguments of `evaluation.inception.inception_features`.
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
    """A figure with its standard error (None if unknown), how it was measured, and the numbers of examples."""

    name: str
    value: float
    standard_error: float | None
    protocol: str
    counts: dict[str, int]


class Evaluator(NamedTuple):
    """check: raises ConfigError, from options and data alone, for a run that cannot be measured. measure: the rest."""

    check: Callable[[Measured], None]
    measure: Callable[[Measured], list[Figure]]

    def __call__(self, run: Measured) -> list[Figure]:
        """The figures of a run, checked first."""
        self.check(run)
        return self.measure(run)


def samples(run: Measured) -> np.ndarray:
    """`options["num"]` samples of the model, in the units of training, images clipped to [-1, 1]."""
    x = distinct_samples(*run.trained, run.key, run.options["num"], run.options["batch_size"])
    return np.clip(x, -1.0, 1.0) if run.dataset.max_value is not None else x


def references(run: Measured) -> np.ndarray:
    """The first `options["num"]` training examples, in the units of training."""
    return np.asarray(to_float(run.dataset.x_train[: run.options["num"]], run.dataset.max_value))


def needs(run: Measured, name: str, *, samples: int = 0, train: int = 0, test: int = 0, reference: int = 0) -> None:
    """Raise ConfigError unless so many samples, training and test examples, and images behind a FID are compared."""
    options, data = run.options, run.dataset
    num_train = len(data.x_train)
    counted = (
        (options["num"], samples, "samples", "--num"),
        (min(options["num"], num_train), train, "training examples", "--num"),
        (min(options["num"], len(data.x_test)), test, "test examples", "--num"),
        (min(options["num_reference"] or num_train, num_train), reference, "training images", "--num_reference"),
    )
    for there, least, what, option in counted:
        if there < least:
            held = f"; {data.name} holds {num_train} training and {len(data.x_test)} test examples"
            raise ConfigError(f"--with {name}: needs at least {least} {what}, got {there}: set {option}{held}")


def needs_images(run: Measured, name: str) -> None:
    """Raise ConfigError unless the examples are images."""
    if run.dataset.max_value is None:
        raise ConfigError(f"--with {name}: {run.dataset.name} does not hold images")


def no_sentences(run: Measured, name: str) -> None:
    """Raise ConfigError for sentences: no distance compares tokens."""
    if run.dataset.vocabulary is not None:
        raise ConfigError(f"--with {name}: {run.dataset.name} holds sentences")
