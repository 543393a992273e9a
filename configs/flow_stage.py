"""The section config.flow of two experiments: a flow that is trained before the method."""

from ml_collections import ConfigDict

from configs.common import adam, short

WARMED_COSINE = {"schedule": "cosine", "warmup_steps": 0}
"""Adam's fields: over the first warmup_steps the rate rises from 0."""


def flow_stage(config: ConfigDict) -> ConfigDict:
    """A flow by maximum likelihood, with the training loop's fields of `config`."""
    fields = {"model": {"flow": {"name": "affine_coupling", "num_layers": 6, "width": 48}}}
    # run: a finished run of experiments.flow with the same model.flow, whose flow is used; "": one is trained.
    stage = ConfigDict(
        fields | {"run": "", "train": config.train.to_dict(), "optimizer": {"flow": adam(1e-3, **WARMED_COSINE)}}
    )
    stage.train.num_steps = 1500
    return stage


def glow(config: ConfigDict) -> None:
    """Glow with the published width for 32 x 32 images, and half its depth; Adam that warms up, with a clipped
    gradient."""
    fields = {"name": "glow", "num_levels": 3, "num_steps": 16, "width": 512, "coupling_type": "affine"}
    config.flow.model = ConfigDict({"flow": fields | {"remat": True}})
    config.flow.optimizer.flow.update(clip_norm=50.0, warmup_steps=1000)
    config.flow.train.update(num_steps=100_000, batch_size=64)


def glow_of_mnist(section: ConfigDict) -> None:
    """A Glow of 28 x 28 images and its training, half an hour of one CPU core. section: config, or config.flow.

    Two levels, as 28 / 2 / 2 is odd; an eighth of the depth and a sixteenth of the width of CIFAR-10's Glow, a rate
    seven times as high, nothing recomputed.
    """
    fields = section.model.flow
    fields.num_levels, fields.num_steps, fields.width, fields.remat = 2, 4, 32, False
    section.optimizer.flow.update(learning_rate=2e-3, warmup_steps=200)
    section.train.update(num_steps=18_000, batch_size=32, steps_per_dispatch=20)


def smoke_images(config: ConfigDict) -> None:
    """`short`: two steps of one narrow level on batches of eight fake images."""
    short(config, 2, 8, 1, max_examples=8, num_importance=8)
    config.data.name = "fake:8x8x3"
    config.flow.model.flow.update(num_levels=1, num_steps=1, width=4)
    config.model.energy.width = 4
