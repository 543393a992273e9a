"""The interface between an experiment's module and the training: `Experiment`, and the types passed to it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from ebmjax.data import Dataset, DataSpec, spec
from ebmjax.report.results import Figures
from ebmjax.training.config import Limit, check_limits
from ebmjax.training.settings import Settings
from ebmjax.types import Array, Method, State
from ebmjax.viz.pictures import save_samples


class Trained(NamedTuple):
    """A method and its trained state for evaluation (with averaged parameters, if training averages them)."""

    method: Method
    state: State


class Job(NamedTuple):
    """Config, data, devices and folder, shared by all trainings of a run.

    config: reconciled with the work directory, and checked. mode: "train", or "evaluate" or "sample", which use the
    newest checkpoint; "sample" only reads the folder, and may have the shapes of the data alone. command: the one
    that repeats the run, "" if unknown.
    """

    experiment: "Experiment"
    config: ConfigDict
    dataset: Dataset
    settings: Settings
    workdir: Path
    mode: str
    command: str

    @property
    def data_spec(self) -> DataSpec:
        """The properties of the data that the method itself is trained on."""
        return spec(self.experiment.data_of(self.config, self.dataset, "train"))


class Run(NamedTuple):
    """The argument of `Experiment.evaluate`. rng_key: a function of only the seed. prepared: see `Experiment`."""

    config: ConfigDict
    workdir: Path
    dataset: Dataset
    trained: Trained
    baselines: dict[str, Trained]
    rng_key: Array
    prepared: dict[str, Trained] = {}


class Evaluation(NamedTuple):
    """The result of `Experiment.evaluate`: the figures of all arms, their protocol, and the pictures.

    figures: {OWN: {metric: value}, arm: {metric: value}} (`report.results`); arms have only metrics that OWN has.
    pictures: {path: caption}, in the order of display; "" for the usual caption.
    """

    figures: Figures
    protocol: str
    pictures: dict[Path, str]


class Experiment(NamedTuple):
    """The definition of an experiment, one per module under experiments/.

    default_config: path of the config used without --config, relative to the checkout: configs/<name>/FILE.py, with the
        name of the module.
    limits: (config) -> {field: lowest, or (lowest, highest)}, in addition to `config.LIMITS`; checked before loading
        data.
    build: (config, DataSpec) -> Method. baselines: (config, DataSpec) -> {name: Method}, trained for comparison.
    prepare: (config, DataSpec) -> {name: (its own config, Method)}, stages trained first, by the same loop in the
        folder <name> of the work directory (a flow, say). `build` and `baselines` get them as keywords, name=Trained. A
        stage resumes if its config is unchanged: keep only fields that affect it. Or {name: Trained}, from another run.
    data_of: (config, Dataset, title) -> Dataset, the part of the loaded data set on which a training is run; title:
        "train", or the name of a baseline or a stage. By default all of it. `build`, `baselines` and `prepare` get the
        DataSpec for "train", `evaluate` gets the loaded data.
    check_data: (config, Dataset) -> None. Raises ConfigError, before training, for data that `evaluate` could not be
        done with; everywhere two training and two test examples are needed.
    later_baselines: (config, DataSpec, Trained) -> {name: Method}, baselines that need the trained method (a value that
        it learned, say); trained after the others.
    evaluate: (Run) -> Evaluation, writing its pictures into the work directory.
    draw_samples: (x[N, ...], path) -> None, for the grids drawn while training, by default of images; None for no
        samples.
    energy_net: (config, shape) -> the network of E(x) whose parameters are the group "energy"; None without one.
    """

    default_config: str
    build: Callable[..., Method]
    evaluate: Callable[[Run], Evaluation]
    limits: Callable[[ConfigDict], Mapping[str, Limit]] = lambda config: {}
    baselines: Callable[..., dict[str, Method]] = lambda config, data_spec, **prepared: {}
    later_baselines: Callable[[ConfigDict, DataSpec, Trained], dict[str, Method]] = lambda config, data_spec, main: {}
    prepare: Callable[[ConfigDict, DataSpec], dict[str, Any]] = lambda config, data_spec: {}
    data_of: Callable[[ConfigDict, Dataset, str], Dataset] = lambda config, dataset, title: dataset
    check_data: Callable[[ConfigDict, Dataset], None] = lambda config, dataset: None
    draw_samples: Callable[[Any, Path], Any] | None = save_samples
    energy_net: Callable[[ConfigDict, tuple[int, ...]], Any] | None = None

    @property
    def name(self) -> str:
        """The command is experiments.<name>."""
        return Path(self.default_config).parent.name

    def check(self, config: ConfigDict) -> None:
        """Raise ConfigError, one line, for a field outside its limits."""
        check_limits(config, self.limits(config))
