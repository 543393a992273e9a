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
    """What `Experiment.evaluate` gets. rng_key is a function of the seed alone; prepared: see `Experiment`."""

    config: ConfigDict
    workdir: Path
    dataset: Dataset
    trained: Trained
    baselines: dict[str, Trained]
    rng_key: Array
    prepared: dict[str, Trained] = {}


class Evaluation(NamedTuple):
    """Figures by name, those to compare them with, how they were measured, and the pictures drawn on the way.

    pictures: their paths, in the order to show them, or {path: caption}.
    """

    metrics: dict[str, float]
    baselines: dict[str, float]
    protocol: str
    pictures: list[Path] | dict[Path, str]


class Experiment(NamedTuple):
    """What a module under experiments/ supplies.

    name: of the module. default_config: path of the config used without --config, relative to the checkout.
    build: (config, DataSpec) -> Method. baselines: the same for {name: Method} trained and shown beside it.
    prepare: (config, DataSpec) -> {name: (its own config, Method)}, what is trained first, by the same loop in the
        folder <name> of the work directory (a flow, say). `build` and `baselines` get it as keywords, name=Trained. Its
        own config decides whether it is the same training, so it holds no more than what that depends on. Or
        {name: Trained}, of another run.
    data_of: (config, Dataset, title) -> Dataset, what the training of that title sees of the data set that was loaded:
        "train", a baseline's or a stage's name. By default all of it; `build`, `baselines` and `prepare` get the
        DataSpec of what "train" sees, `evaluate` what was loaded.
    later_baselines: (config, DataSpec, Trained) -> {name: Method}, of which some need the trained method, say a value
        that it learned; trained after the others.
    evaluate: (Run) -> Evaluation, writing its pictures into the work directory.
    draw_samples: (x[N, ...], path) -> None, for the grids drawn while training; None for no pictures.
    """

    name: str
    default_config: str
    build: Callable[..., Method]
    evaluate: Callable[[Run], Evaluation]
    baselines: Callable[..., dict[str, Method]] = lambda config, data_spec, **prepared: {}
    later_baselines: Callable[[ConfigDict, DataSpec, Trained], dict[str, Method]] = lambda config, data_spec, main: {}
    prepare: Callable[[ConfigDict, DataSpec], dict[str, Any]] = lambda config, data_spec: {}
    data_of: Callable[[ConfigDict, Dataset, str], Dataset] = lambda config, dataset, title: dataset
    draw_samples: Callable[[Any, Path], Any] | None = None
