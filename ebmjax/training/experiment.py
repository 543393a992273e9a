"""What an experiment supplies, and what it gets back once its methods are trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from ebmjax.data import Dataset, DataSpec
from ebmjax.types import Array, Method, State


class Trained(NamedTuple):
    """A method and its state as it is to be evaluated (averaged parameters, if training averaged them)."""

    method: Method
    state: State


class Run(NamedTuple):
    """What `Experiment.evaluate` gets. rng_key is a function of the seed alone."""

    config: ConfigDict
    workdir: Path
    dataset: Dataset
    trained: Trained
    baselines: dict[str, Trained]
    rng_key: Array


class Evaluation(NamedTuple):
    """Figures by name, those to compare them with, how they were measured, and the pictures drawn on the way."""

    metrics: dict[str, float]
    baselines: dict[str, float]
    protocol: str
    pictures: list[Path]


class Experiment(NamedTuple):
    """What a module under experiments/ supplies.

    name: of the module. default_config: path of the config used without --config, relative to the checkout.
    build: (config, DataSpec) -> Method. baselines: the same for {name: Method} trained and shown beside it.
    evaluate: (Run) -> Evaluation, writing its pictures into the work directory.
    draw_samples: (x[N, ...], path) -> None, for the grids drawn while training; None for no pictures.
    """

    name: str
    default_config: str
    build: Callable[[ConfigDict, DataSpec], Method]
    evaluate: Callable[[Run], Evaluation]
    baselines: Callable[[ConfigDict, DataSpec], dict[str, Method]] = lambda config, data_spec: {}
    draw_samples: Callable[[Any, Path], Any] | None = None
