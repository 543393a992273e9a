"""The config of a normalising flow trained by maximum likelihood."""

from ml_collections import ConfigDict

from configs.common import adam, base, fake_data
from configs.flow_stage import WARMED_COSINE


def flow(data: str) -> ConfigDict:
    """The common fields; a data set's config states what differs."""
    config = base("flow", data)
    # name: of flows.FLOWS; the other fields are the options of that flow.
    config.model = ConfigDict({"flow": {"name": "spline_coupling", "num_layers": 4, "width": 64}})
    config.optimizer = ConfigDict({"flow": adam(1e-3, **WARMED_COSINE)})
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
    fields = {"name": "glow", "num_levels": 3, "num_steps": 32, "width": 512, "coupling_type": "affine"}
    config.model.flow = ConfigDict(fields | {"form": "auto", "remat": True})
    config.optimizer.flow.update(learning_rate=3e-4, clip_norm=50.0, warmup_steps=1000)
    config.train.update(num_steps=200_000, batch_size=64, ema_decay=0.999)
    config.evaluate.batch_size = 100
    return config


def smoke_images(config: ConfigDict) -> None:
    """`short` on fake images, with a small Glow whose slow "plain" form is compiled in a third of the time."""
    fake_data(config)
    config.model.flow.update(num_levels=2, num_steps=2, width=4, form="plain")
