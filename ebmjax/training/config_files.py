"""Config files from any folder: where a file is, and what it imports."""

import difflib
import os
import sys
from pathlib import Path
from types import ModuleType

from ebmjax.messages import shown
from ebmjax.training.config import ConfigError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, with experiments/ and configs/."""


def find_config(given: str) -> str:
    """`given`, FILE[:VARIANT], with the file that it names: in the current folder, else in the checkout.

    Raises ConfigError if there is none.
    """
    name, colon, variant = given.partition(":")
    for path in (Path(name), ROOT / name) if name else ():
        if os.path.isfile(path):  # Path.is_file raises OSError for a name that is too long
            return f"{path}{colon}{variant}"
    raise ConfigError(f"--config: there is no file {shown(name)}{_similar_files(name)}")


def relative_to_checkout(path: str) -> str:
    """Path of a file inside the checkout as `find_config` takes it from any folder; of another file absolute."""
    whole = Path(path).resolve()
    return whole.relative_to(ROOT).as_posix() if whole.is_relative_to(ROOT) else str(whole)


def provide_configs(path: str) -> None:
    """Let the config file at `path` import the package `configs` from any folder.

    A file of the checkout gets the checkout's, whatever package of that name the current folder has. Another file gets
    the one that Python finds first; the checkout is the last place where it looks.
    """
    ours = str(ROOT / "configs")
    inside = Path(path).resolve().is_relative_to(ROOT)
    if not inside and str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    if inside and ours not in getattr(sys.modules.get("configs"), "__path__", ()):
        for name in [name for name in sys.modules if name.startswith("configs.")]:
            del sys.modules[name]
        package = ModuleType("configs")
        package.__path__ = [ours]
        sys.modules["configs"] = package


def _similar_files(name: str) -> str:
    """A hint: the config file with the most similar name, else the folders that hold some."""
    if not (ROOT / "configs").is_dir():
        return "; the config files are in the checkout: install it by pip install -e ."
    found = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "configs").rglob("*.py") if p.name != "common.py")
    close = difflib.get_close_matches(name[:200], found, n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else f"; there are those of {ROOT / 'configs'}"
