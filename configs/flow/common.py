"""The config of a normalising flow trained by maximum likelihood."""

from ml_collections import ConfigDict

from configs.common import base


def flow(data: str) -> ConfigDict:
    """The common fields; a data set's config states what differs."""
    config = base("flow", data)
    # name: of flows.FLOWS; the other fields are the options of that flow.
    config.model = ConfigDict({"flow": {"name": "spline_coupling", "num_layers": 4, "width": 64}})
    config.optimizer = ConfigDict(
        {
            "flow": {
                "learning_rate": 1e-3,
                "b1": 0.9,
                "b2": 0.999,
                "clip_norm": 0.0,  # 0: no clipping
                "schedule": "cosine",  # constant, cosine (to final_fraction) or exponential (decay_rate per epoch)
                "final_fraction": 0.05,
                "decay_rate": 0.998,
                "warmup_steps": 0,  # over which the rate rises from 0
            }
        }
    )
    config.evaluate.batch_size = 1000
    config.evaluate.max_examples = 10_000  # of test and training examples each
    config.evaluate.temperature = 0.7  # of a second grid of images
    return config


def images(data: str) -> ConfigDict:
    """Glow with the published sizes for CIFAR-10 (arXiv 1807.03039): L = 3, K = 32, 512 channels, affine couplings.

    The paper trains with its own variant of Adamax and warms up for ten epochs; here it is Adam with a clipped gradient
    and a short warm-up, and averaged parameters are evaluated.
    """
    config = flow(data)
    config.model.flow = ConfigDict(
        {
            "name": "glow",
            "num_levels": 3,
            "num_steps": 32,
            "width": 512,
            "coupling_type": "affine",
            "form": "auto",
            "remat": True,
        }
    )
    config.optimizer.flow.learning_rate = 3e-4
    config.optimizer.flow.clip_norm = 50.0
    config.optimizer.flow.warmup_steps = 1000
    config.train.batch_size = 64
    config.train.ema_decay = 0.999
    config.evaluate.batch_size = 100
    return config


def smoke(config: ConfigDict) -> None:
    """Seconds instead of minutes: for tests, of no scientific value."""
    config.train.num_steps = 10
    config.train.batch_size = 16
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 5
    config.evaluate.batch_size = 32
    config.evaluate.max_examples = 64


def smoke_images(config: ConfigDict, data: str) -> None:
    """`smoke` with a narrow, shallow Glow on fake images, so that a published config is exercised without its data."""
    smoke(config)
    config.data.name = data
    config.model.flow.num_levels = config.model.flow.num_steps = 2
    config.model.flow.width = 4
    config.model.flow.form = "plain"  # slow, but compiled in a third of the time
    config.train.num_steps = 2
    config.train.batch_size = 8
    config.train.steps_per_dispatch = config.train.log_every = config.train.checkpoint_every = 1
