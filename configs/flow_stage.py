"""The section of a config that describes a flow trained before the method: config.flow, of two experiments."""

from ml_collections import ConfigDict


def adam(learning_rate: float) -> ConfigDict:
    """Adam with a cosine schedule."""
    return ConfigDict(
        {
            "learning_rate": learning_rate,
            "b1": 0.9,
            "b2": 0.999,
            "clip_norm": 0.0,  # 0: no clipping
            "schedule": "cosine",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
            "final_fraction": 0.05,
            "decay_rate": 0.998,
            "warmup_steps": 0,  # over which the rate rises from 0
        }
    )


def flow_stage(config: ConfigDict) -> ConfigDict:
    """A flow by maximum likelihood, with the training loop's fields of `config`."""
    fields = {"model": {"flow": {"name": "affine_coupling", "num_layers": 6, "width": 48}}}
    # run: a finished run of experiments.flow with the same model.flow, whose flow is taken; "": one is trained.
    stage = ConfigDict(fields | {"run": "", "train": config.train.to_dict(), "optimizer": {"flow": adam(1e-3)}})
    stage.train.num_steps = 1500
    return stage


def glow(config: ConfigDict) -> None:
    """Glow with the published width for 32 x 32 images, and half its depth; Adam that warms up, with a clipped
    gradient."""
    fields = {"name": "glow", "num_levels": 3, "num_steps": 16, "width": 512, "coupling_type": "affine"}
    config.flow.model = ConfigDict({"flow": fields | {"remat": True}})
    config.flow.optimizer.flow.clip_norm = 50.0
    config.flow.optimizer.flow.warmup_steps = 1000
    config.flow.train.num_steps = 100_000
    config.flow.train.batch_size = 64


def glow_of_mnist(section: ConfigDict) -> None:
    """A Glow of 28 x 28 images and its training, half an hour of one CPU core: of config, or of config.flow.

    Two levels, for 28 / 2 / 2 is odd; an eighth of the depth and a sixteenth of the width of CIFAR-10's Glow, a rate
    seven times as high, nothing recomputed.
    """
    fields = section.model.flow
    fields.num_levels, fields.num_steps, fields.width, fields.remat = 2, 4, 32, False
    section.optimizer.flow.learning_rate = 2e-3
    section.optimizer.flow.warmup_steps = 200
    section.train.num_steps = 18_000
    section.train.batch_size = 32
    section.train.steps_per_dispatch = 20


def smoke_stage(config: ConfigDict) -> None:
    """A few steps of flow and method."""
    for train in (config.train, config.flow.train):
        train.num_steps = 10
        train.batch_size = 32
        train.steps_per_dispatch = train.log_every = train.checkpoint_every = 5


def small_glow(config: ConfigDict) -> None:
    """Two steps of one narrow level on batches of eight fake images."""
    config.data.name = "fake:8x8x3"
    config.flow.model.flow.num_levels = 1
    config.flow.model.flow.num_steps = 1
    config.flow.model.flow.width = 4
    for train in (config.train, config.flow.train):
        train.num_steps = 2
        train.batch_size = 8
        train.steps_per_dispatch = train.log_every = train.checkpoint_every = 1
