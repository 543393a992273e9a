"""The commands, `python -m experiments.<name>`; `find` returns the experiment of a name."""

import difflib
import sys
from importlib import import_module
from pathlib import Path

try:
    import ebmjax.viz.backend  # noqa: F401  (so that matplotlib, like JAX, refuses its settings here)
    from ebmjax.training.config import ConfigError
    from ebmjax.training.experiment import Experiment
except (ImportError, ValueError) as error:  # a package, or an environment variable or matplotlibrc, that cannot be used
    print(f"error: cannot start: {error}", file=sys.stderr)
    sys.exit(2)

MODULES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem != "__init__"}


def find(name: str, field: str = "experiment") -> Experiment:
    """The experiment of the command `name`. Raises ConfigError, naming the field, if there is none that trains."""
    known = [stem for stem, path in MODULES.items() if "\nEXPERIMENT = " in path.read_text()]
    if name in MODULES and name not in known:
        raise ConfigError(f"{field} = {name}: experiments.{name} trains no method")
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? Known" if close else "known"
        raise ConfigError(f"{field}: unknown experiment {name!r}; {hint}: {', '.join(known)}")
    # The one import by a computed name: only the chosen command is loaded.
    return import_module(f"experiments.{name}").EXPERIMENT
