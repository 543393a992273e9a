"""The config of flow contrastive estimation (Gao et al. 2020, arXiv 1912.00589)."""

from ml_collections import ConfigDict

from configs import flow_stage
from configs.common import adam, base, each, net, short


def flow_contrastive(data: str) -> ConfigDict:
    """The common fields; a data set's config states what differs."""
    config = base("flow_contrastive", data)
    config.flow = flow_stage.flow_stage(config)
    config.model = ConfigDict(
        {
            "energy": net("mlp", (128, 128), activation="silu", init="he"),
            "confinement": 0.0,  # adds this times ||x||² to the energy
        }
    )
    # The energy learns where the accuracy, averaged with `decay`, is below the threshold, and at least every
    # `energy_every`-th step (0: no minimum); else the flow does. The paper's rule: decay 0, energy_every 0.
    config.gate = ConfigDict({"threshold": 0.6, "decay": 0.9, "energy_every": 2})
    # weight > 0: class logits give the energy, which learns from per_class labels per class too (0: all of them).
    config.labels = ConfigDict({"per_class": 10, "weight": 0.0})
    config.optimizer = ConfigDict(
        {
            group: adam(rate, **flow_stage.WARMED_COSINE)
            for group, rate in (("energy", 1e-3), ("log_normalizer", 1e-3), ("flow", 5e-4))
        }
    )
    config.evaluate.batch_size = 1000
    config.evaluate.max_examples = 10_000  # of training, test and generated examples each
    config.evaluate.feature_steps = 1500  # of the small classifier of the labels; 0: none
    config.evaluate.num_importance = 10_000
    config.evaluate.baselines = False  # also train noise-contrastive estimation and a longer-trained flow
    return config


def toy(data: str) -> ConfigDict:
    """Points in the plane: a confined energy, averaged parameters and all baselines."""
    config = flow_contrastive(data)
    config.model.confinement = 0.02
    each((config.train, config.flow.train), batch_size=256, steps_per_dispatch=50, log_every=50)
    config.train.update(num_steps=6000, ema_decay=0.998)
    config.evaluate.baselines = True
    return config


def images(data: str) -> ConfigDict:
    """32 x 32 colour images: Glow and a convolutional energy, for a GPU. Our own sizes, untried."""
    config = flow_contrastive(data)
    flow_stage.glow(config)
    config.model.energy.name = "conv"
    config.train.update(num_steps=50_000, batch_size=64)
    config.optimizer.energy.learning_rate = 1e-4
    config.optimizer.flow.update(learning_rate=1e-5, clip_norm=50.0)
    config.evaluate.update(batch_size=250, num_importance=1000)
    return config


def smoke(config: ConfigDict) -> None:
    """`short`, with few samples."""
    short(config, 10, 32, 5, batch_size=64, num_importance=100)


def smoke_images(config: ConfigDict) -> None:
    """The same with narrow nets on fake images of 8 x 8 pixels."""
    smoke(config)
    flow_stage.smoke_images(config)
    config.evaluate.batch_size = 8
