"""What every config has: data, training length, evaluation."""

from ml_collections import ConfigDict


def base(experiment: str, data: str) -> ConfigDict:
    """The common fields. `experiment` is the module under experiments/ that the config belongs to."""
    config = ConfigDict()
    config.experiment = experiment
    config.seed = 0
    config.data = ConfigDict({"name": data})
    config.train = ConfigDict(
        {
            "num_steps": 1000,
            "batch_size": 128,
            "steps_per_dispatch": 1,  # steps compiled into one call; more for small models
            "log_every": 100,
            "checkpoint_every": 1000,  # also draws a sample grid
            "ema_decay": 0.0,  # 0: evaluate the last parameters
            "on_divergence": "stop",  # or "rollback": to the last healthy checkpoint, on with another key
        }
    )
    # Beside metrics and parameters that are not finite, a run has diverged when (docs/troubleshooting.md):
    config.train.guard = ConfigDict(
        {
            "max_growth": 1000.0,  # the energy gap or a gradient norm exceeds this many times its usual; 0: off
            "min_spread": 0.001,  # the spread of the chains falls below this fraction of its usual; 0: off
            "warmup": 10,  # logged values of a metric before it is judged
            "max_rollbacks": 3,
        }
    )
    config.evaluate = ConfigDict()
    return config


def adam(learning_rate: float) -> ConfigDict:
    """The optimiser that the papers on latent variables use, for one group of parameters."""
    return ConfigDict(
        {
            "learning_rate": learning_rate,
            "b1": 0.5,
            "b2": 0.999,
            "clip_norm": 0.0,  # 0: no clipping
            "schedule": "constant",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
            "final_fraction": 0.05,
            "decay_rate": 0.998,
        }
    )


def variant_of(config: ConfigDict, variant: str, smoke) -> ConfigDict:
    """Apply `smoke(config)` for the variant "smoke"; "" is the config itself. Raises ValueError for another."""
    if variant == "smoke":
        smoke(config)
    elif variant:
        raise ValueError(f"unknown variant {variant!r}; there is 'smoke'")
    return config
