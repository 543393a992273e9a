"""The command that repeats a run, found from its config alone: the nearest config file, and what differs from it."""

import shlex
from pathlib import Path

from ml_collections import ConfigDict

from ebmjax.training.config import ConfigError, flatten, parse

ROOT = Path(__file__).parents[2]


def command_of(name: str, default_config: str, config: ConfigDict) -> str | None:
    """`python -m experiments.<name> --config=FILE --config.FIELD=VALUE ...`, to be run in the checkout.

    FILE is the config beside `default_config` (its path relative to the checkout), or its variant "smoke", from which
    the fewest fields differ. None if no file has the fields of `config`.
    """
    wanted, best = flatten(config), None
    for source in _sources(Path(default_config)):
        try:
            there = flatten(parse([name, f"--config={ROOT / source}"], default_config).config)
        except ConfigError:  # no config, or one without that variant
            continue
        if there.keys() != wanted.keys() or there["experiment"] != wanted["experiment"]:
            continue
        changes = {field: value for field, value in wanted.items() if value != there[field]}
        if best is None or len(changes) < len(best[1]):
            best = source, changes
    if best is None:
        return None
    source, changes = best
    overrides = [f"--config.{field}={value}" for field, value in changes.items()]
    return shlex.join(["python", "-m", f"experiments.{name}", f"--config={source}", *overrides])


def _sources(default: Path) -> list[str]:
    """The config files of an experiment, the default first, each as it is and then in small."""
    beside = sorted(path.relative_to(ROOT) for path in (ROOT / default).parent.glob("*.py"))
    files = [default, *(path for path in beside if path not in (default, default.with_name("common.py")))]
    return [f"{path}{variant}" for variant in ("", ":smoke") for path in files]
