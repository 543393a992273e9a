"""Common parts of configs: sections, Adam, the papers' figures, the short variant for tests."""

from collections.abc import Callable, Iterable

from ml_collections import ConfigDict


def base(experiment: str, data: str) -> ConfigDict:
    """The common fields. `experiment` is the module under experiments/ that the config belongs to."""
    config = ConfigDict()
    config.experiment = experiment
    config.seed = 0
    # num_train: of its training examples the first so many; 0: all. augment: of training images; "", crop or crop_flip.
    config.data = ConfigDict({"name": data, "num_train": 0, "augment": ""})
    config.train = ConfigDict(
        {
            "num_steps": 1000,
            "batch_size": 128,
            "steps_per_dispatch": 1,  # steps compiled into one call; more for small models
            "log_every": 100,
            "checkpoint_every": 1000,  # also draws a sample grid
            "ema_decay": 0.0,  # 0: evaluate the last parameters
            "on_divergence": "stop",  # or "rollback": resume from the last healthy checkpoint with another key
        }
    )
    # A run has diverged if a metric or a parameter is not finite, or if (docs/troubleshooting.md):
    config.train.guard = ConfigDict(
        {
            "max_growth": 1000.0,  # the energy gap or a gradient norm exceeds this many times its usual value; 0: off
            "min_spread": 0.001,  # the spread of the chains falls below this fraction of its usual value; 0: off
            "warmup": 10,  # logged values of a metric before it is checked
            "max_rollbacks": 3,
        }
    )
    config.evaluate = ConfigDict()
    return config


def adam(learning_rate: float, **fields) -> ConfigDict:
    """Adam with a constant rate, for one group of parameters. fields: other values, or further fields."""
    common = {
        "learning_rate": learning_rate,
        "b1": 0.9,
        "b2": 0.999,
        "clip_norm": 0.0,  # 0: no clipping
        # constant; cosine, to final_fraction; exponential, times decay_rate per epoch; geometric, the same per step;
        # step, times decay_rate at the start of each of decay_epochs, a field to be given
        "schedule": "constant",
        "final_fraction": 0.05,
        "decay_rate": 0.998,
    }
    return ConfigDict(common | fields)


def net(
    name: str, widths: tuple[int, ...], *, activation: str, init: str, width: int = 64, slope: float = 0.05
) -> dict:
    """The network of an energy: mlp (widths, activation, init, output_scale), conv or nonlocal (width, slope)."""
    fields = {"name": name, "widths": widths, "activation": activation, "init": init, "output_scale": 1.0}
    return fields | {"width": width, "slope": slope}


def each(sections: Iterable[ConfigDict], **fields) -> None:
    """Set the same fields in all sections: each(config.optimizer.values(), schedule="cosine")."""
    for section in sections:
        section.update(**fields)


def missing(config: ConfigDict) -> None:
    """What training examples lack: "" nothing, "pixels" a fraction of them, "squares" the same by squares with sides of
    `size` pixels, "block" one such square."""
    config.missing = ConfigDict({"name": "", "fraction": 0.5, "size": 4, "seed": 0})


def images_evaluation(config: ConfigDict, max_examples: int = 50_000) -> None:
    """The fields of config.evaluate for images."""
    config.evaluate.batch_size = 500
    config.evaluate.max_examples = max_examples  # of training images, samples and test images each
    config.evaluate.feature_steps = 1500  # of the small classifier behind frechet_features; 0: none


def paper(config: ConfigDict, source: str, *, protocol: str, data: tuple[str, ...], **figures: float) -> None:
    """Add the paper's figures, named as ours by the same protocol (ebmjax/report/published.py)."""
    config.paper = ConfigDict({"source": source, "protocol": protocol, "data": data, "figures": figures})


def variant_of(config: ConfigDict, variant: str, smoke: Callable[[ConfigDict], None]) -> ConfigDict:
    """Apply `smoke(config)` for the variant "smoke"; "" is the config itself. Raises ValueError for another."""
    if variant == "smoke":
        smoke(config)
    elif variant:
        raise ValueError(f"unknown variant {variant!r}; there is 'smoke'")
    return config


def short(config: ConfigDict, num_steps: int = 10, batch_size: int = 16, every: int = 5, /, **evaluate) -> None:
    """Make a smoke variant: seconds instead of minutes, for tests, without scientific value.

    every: steps of a dispatch, and between logged values and checkpoints. evaluate: fields of config.evaluate, beside
    those that most experiments have. A flow or a decoder that is trained first is shortened too.
    """
    stages = [config[name] for name in ("flow", "decoder") if "train" in config.get(name, {})]
    trains = [section.train for section in (config, *stages)]
    each(trains, num_steps=num_steps, batch_size=batch_size)
    each(trains, steps_per_dispatch=every, log_every=every, checkpoint_every=every)
    usual = {"max_examples": 64, "batch_size": 32, "feature_steps": 20, "inpainting_samples": 2}
    config.evaluate.update({k: v for k, v in (usual | evaluate).items() if k in evaluate or k in config.evaluate})


def fake_name(data: str) -> str:
    """The name of fake images with the shape of a published data set; other names are returned as they are."""
    name, _, side = data.partition("@")
    side, channels = side or {"mnist": "28"}.get(name, "32"), 1 if name == "mnist" else 3
    known = ("mnist", "svhn_cropped", "cifar10", "cifar100", "celeb_a", "oxford_flowers102")
    return f"fake:{side}x{side}x{channels}" if name in known else data


def fake_data(config: ConfigDict, **evaluate) -> None:
    """Two steps on fake images of the data's shape, to try a published config without its data."""
    config.data.update(name=fake_name(config.data.name), num_train=0)
    short(config, 2, 8, 1, **evaluate)
