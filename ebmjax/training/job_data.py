"""The data of a run: loaded and checked, or, to read the run without them, their shapes and vocabulary in data.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ebmjax.data import Dataset, load, spec
from ebmjax.data.loader import make_loader
from ebmjax.files import write_atomically
from ebmjax.training.config import ConfigError
from ebmjax.training.experiment import Experiment, Job

LEAST_EXAMPLES = 2
"""Of training and of test examples: covariances, standard errors and pairs of examples need two."""
FILE = "data.json"
ARRAYS = ("x_train", "y_train", "x_test", "y_test", "labelled")


def open_data(experiment: Experiment, source: Mapping, workdir: Path, mode: str) -> tuple[Experiment, Dataset]:
    """(the experiment, its data set), of config.data = `source`. To sample a run, what its folder keeps of the data is
    enough: then the experiment's `data_of` returns that for each of the run's trainings."""
    found = kept(workdir) if mode == "sample" else None
    if found is None:
        return experiment, load(**source)

    def data_of(config, dataset, title):
        own = found if title == "train" else kept(workdir / title) or kept(workdir / "baselines" / title)
        if own is None:
            raise ConfigError(f"{workdir / title / FILE} is missing: delete {workdir / FILE}, and the data are loaded")
        return own

    return experiment._replace(data_of=data_of), found


def check_examples(job: Job) -> None:
    """Raise ConfigError or DataError, before training, for data too small to be trained on or evaluated."""
    found = job.data_spec
    make_loader(found.num_train, job.settings.batch_size)
    if min(found.num_train, found.num_test) < LEAST_EXAMPLES:
        raise ConfigError(
            f"data.name = {found.name}: {found.num_train} training and {found.num_test} test examples; the evaluation "
            f"needs at least {LEAST_EXAMPLES} of each: give x_test, or more examples (a tenth is held out for tests)"
        )
    job.experiment.check_data(job.config, job.dataset)


def keep(folder: Path, dataset: Dataset) -> None:
    """Write data.json: what a training in `folder` was given."""
    arrays = {name: getattr(dataset, name) for name in ARRAYS}
    shapes = {name: [list(a.shape), str(a.dtype)] for name, a in arrays.items() if a is not None}
    held = {"name": dataset.name, "max_value": dataset.max_value, "num_classes": spec(dataset).num_classes}
    write_atomically(folder / FILE, json.dumps(held | {"arrays": shapes, "vocabulary": dataset.vocabulary}) + "\n")


def kept(folder: Path) -> Dataset | None:
    """A data set of zeros with the `spec`, shapes and vocabulary of what was kept, which takes no memory; None if a run
    of an earlier version kept nothing. Raises ConfigError for a file that cannot be read."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        found = {name: zeros(*described) for name, described in held["arrays"].items()}
        if held["num_classes"] is not None:  # the largest label is all that `spec` reads
            name = "y_test" if "y_test" in found else "y_train"
            found[name] = np.broadcast_to(found[name].dtype.type(held["num_classes"] - 1), found[name].shape)
        words = held["vocabulary"]
        arrays: dict[str, Any] = dict.fromkeys(ARRAYS) | found
        return Dataset(held["name"], max_value=held["max_value"], vocabulary=words and tuple(words), **arrays)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): delete it, and the data are loaded instead") from None


def zeros(shape, dtype: str) -> np.ndarray:
    """Zeros that share one number in memory."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape))
