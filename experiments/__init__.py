"""The commands, python -m experiments.<name>, and `find`, which returns the experiment of a command."""

from importlib import import_module
from pathlib import Path

from ebmjax.training.config import ConfigError, choose
from ebmjax.training.experiment import Experiment

MODULES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem != "__init__"}


def find(name: str, field: str = "experiment") -> Experiment:
    """The experiment of the command `name`. Raises ConfigError, naming the field, if there is none that trains."""
    training = {stem: stem for stem, path in MODULES.items() if "\nEXPERIMENT = " in path.read_text()}
    if name in MODULES and name not in training:
        raise ConfigError(f"{field} = {name}: experiments.{name} trains no method")
    # Imported by its name, so that only the chosen module is loaded.
    return import_module(f"experiments.{choose(training, name, field)}").EXPERIMENT
