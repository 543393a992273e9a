"""Configs: reading and writing config.json, comparison with a saved run, and limits of fields."""

import difflib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ebmjax.data.paths import absolute_name
from ebmjax.messages import clipped, shown
from ebmjax.training.values import check_values

# Fields that may differ when a run is resumed: they do not change the results of training.
FREE_FIELDS = (
    "train.log_every",
    "train.checkpoint_every",
    "train.on_divergence",
    "train.guard.",
    "evaluate.",
    "paper.",
)

LATER_FIELDS: dict[str, Any] = {"data.num_train": 0, "data.augment": "", "initial.fresh_steps": 0}
"""What fields hold that configs of earlier versions lack."""

Limit = float | tuple[float, float]
"""The lowest value of a number, or the lowest and the highest."""

LIMITS: dict[str, Limit] = {
    "latent_dim": 1,
    "width": 1,
    "widths": 1,
    "learning_rate": 0,
    "clip_norm": 0,
    "weight_decay": 0,
    "warmup_steps": 0,
    "decay_epochs": 0,
    "energy_l2": 0,
    "gradient_penalty": 0,
    "data_noise": 0,
    "input_noise": 0,
    "evaluate.batch_size": 1,
    "evaluate.max_examples": 2,
    "evaluate.feature_steps": 0,
    "evaluate.inpainting_samples": 1,
    "labels.per_class": 0,
    "labels.num_seeds": 1,
    "labels.weight": 0,
}
"""Limits of fields that have the same meaning in every experiment, by the last part of their names."""


class ConfigError(Exception):
    """Bad user input; the message is the one line to show, of at most 1000 characters."""

    def __init__(self, message: str):
        super().__init__(clipped(" ".join(message.splitlines()), 1000))


@contextmanager
def input_errors() -> Generator[None, None, None]:
    """A context in which a ValueError, by which builders reject settings, becomes a ConfigError."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error


def to_json(config: ConfigDict) -> str:
    """The config as indented JSON."""
    return json.dumps(config.to_dict(), indent=2, default=list)


def from_json(text: str, origin: Path) -> ConfigDict:
    """The config of `to_json`; lists become tuples again. Raises ConfigError, naming `origin`, for invalid JSON."""

    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return tuple(plain(v) for v in value) if isinstance(value, list) else value

    try:
        return ConfigDict(plain(json.loads(text))).lock()
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ConfigError(f"{origin} is not a config written by a run: {error}; use another --workdir") from error


def flatten(config: ConfigDict) -> dict:
    """{"train.num_steps": 1000, ...}."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            flat |= {f"{key}.{k}": v for k, v in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def with_absolute_paths(config: ConfigDict) -> ConfigDict:
    """A copy in which the names of data sets have absolute paths (npz:PATH, lines:PATH), so that a run can be continued
    from another folder."""

    def absolute(value):
        if isinstance(value, tuple):
            return tuple(absolute(v) for v in value)
        return absolute_name(value) if isinstance(value, str) else value

    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict({k: absolute(v) for k, v in flatten(config).items() if absolute(v) != v})
    return config


def choose(table: Mapping[str, Any], name: str, field: str) -> Any:
    """table[name]; ConfigError with the known names, and the closest one, if `name` is not in the table."""
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {close[0]!r}? Known" if close else "known"
    raise ConfigError(f"--config.{field}: unknown name {name!r}; {hint}: {', '.join(sorted(table))}")


def check_same_run(saved: ConfigDict, asked: ConfigDict, workdir: Path) -> None:
    """Raise ConfigError, listing the fields, unless a run with config `saved` may continue with config `asked`.

    `FREE_FIELDS` may differ. train.num_steps may grow if no learning-rate schedule depends on it.
    """
    old, new = (LATER_FIELDS | flatten(with_absolute_paths(config)) for config in (saved, asked))
    names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k) and not k.startswith(FREE_FIELDS))
    scheduled = [k for k, v in new.items() if k.endswith("schedule") and v == "cosine"]
    grows = "train.num_steps" in names and new["train.num_steps"] > old["train.num_steps"] and not scheduled
    if grows:
        names.remove("train.num_steps")
    if names:
        changes = "; ".join(f"{k}: {old.get(k)} there, {new.get(k)} now" for k in names)
        why = (
            f" (the {scheduled[0]} = cosine depends on train.num_steps)"
            if names == ["train.num_steps"] and scheduled
            else ""
        )
        raise ConfigError(f"{workdir} holds a run with another config: {changes}{why}; use another --workdir")


def check_limits(config: ConfigDict, limits: Mapping[str, Limit] = {}) -> None:
    """Raise ConfigError for a number, or a number in a tuple, outside its limits; and as `check_values` does.

    limits: by field name, in addition to `LIMITS`. "latent_dim" applies to every field whose name ends so,
    "model.latent_dim" only to that one; if two names fit a field, the longer applies. Names without a field in the
    config are ignored.
    """
    with input_errors():
        check_values(flatten(config))
    limits = LIMITS | dict(limits)
    for field in flatten(config):
        names = [name for name in limits if field == name or field.endswith(f".{name}")]
        if names:
            limit = limits[max(names, key=len)]
            require(config, field, *(limit if isinstance(limit, tuple) else (limit,)))


def require(config: ConfigDict, field: str, low: float, high: float = float("inf")) -> None:
    """Raise ConfigError unless the number, or every number of the tuple, at `field` lies in [low, high]."""
    value = flatten(config).get(field)
    if value is None:
        raise ConfigError(f"the config has no field {field}")
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
            limits = f"at least {low}" if high == float("inf") else f"in [{low}, {high}]"
            raise ConfigError(f"{field} = {shown(value)} must be {limits}")
