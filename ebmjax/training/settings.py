"""The settings of a training run: `config.train` and `config.seed` as checked plain numbers."""

from typing import NamedTuple

from ml_collections import ConfigDict

from ebmjax.training.config import choose, input_errors, require
from ebmjax.training.guard import Guard

ON_DIVERGENCE = ("stop", "rollback")


class Settings(NamedTuple):
    """Settings of a training run. Intervals count steps and take effect at the next end of a chunk.

    seed: of the parameters, the chains and the batches.
    """

    num_steps: int
    batch_size: int
    steps_per_dispatch: int = 1
    log_every: int = 100
    checkpoint_every: int = 1000
    ema_decay: float = 0.0
    on_divergence: str = "stop"
    guard: Guard = Guard()
    seed: int = 0


def check_settings(settings: Settings) -> None:
    """Raise ValueError, one line that names the field, for settings out of range or that do not fit together."""
    for field in ("num_steps", "batch_size", "steps_per_dispatch", "log_every", "checkpoint_every"):
        value = getattr(settings, field)
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"train.{field} = {value} must be at least 1 and a whole number")
    if settings.num_steps % settings.steps_per_dispatch:
        chunk = settings.steps_per_dispatch
        raise ValueError(
            f"train.num_steps = {settings.num_steps} must be a multiple of train.steps_per_dispatch = {chunk}"
        )
    if not 0 <= settings.ema_decay < 1:
        raise ValueError(f"train.ema_decay = {settings.ema_decay} must lie in [0, 1); 0 turns the average off")
    if settings.on_divergence not in ON_DIVERGENCE:
        raise ValueError(f"train.on_divergence = {settings.on_divergence!r} must be one of {', '.join(ON_DIVERGENCE)}")
    guard = settings.guard
    if not (guard.max_growth == 0 or guard.max_growth > 1):
        raise ValueError(f"train.guard.max_growth = {guard.max_growth} must be above 1; 0 turns it off")
    if not 0 <= guard.min_spread < 1:
        raise ValueError(f"train.guard.min_spread = {guard.min_spread} must lie in [0, 1); 0 turns it off")


def to_settings(config: ConfigDict) -> Settings:
    """The settings of a config. Raises ConfigError, one line."""
    require(config, "seed", 0, 2**31 - 1)
    numbers = [field for field in Settings._fields if field not in ("on_divergence", "guard", "seed")]
    for field in (*numbers, *(f"guard.{field}" for field in Guard._fields)):
        require(config, f"train.{field}", 0, 2**31 - 1)  # steps are counted in 32 bits
    choose(dict.fromkeys(ON_DIVERGENCE), str(config.train.get("on_divergence")), "train.on_divergence")
    guard = Guard(**{field: config.train.guard[field] for field in Guard._fields})
    chosen = {field: config.train[field] for field in (*numbers, "on_divergence")}
    settings = Settings(**chosen, guard=guard, seed=config.seed)
    with input_errors():
        check_settings(settings)
    return settings


def restored_only(settings: Settings) -> Settings:
    """Settings under which training ends at the newest sound checkpoint, whatever its step."""
    return settings._replace(num_steps=settings.steps_per_dispatch)
