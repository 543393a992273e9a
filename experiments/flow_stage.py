"""The flow that a method rests on: trained by maximum likelihood beforehand, as config.flow says, in the folder flow/.

config.flow has the sections model.flow (name of `FLOWS`, and its options), train and optimizer.flow.
"""

import numpy as np
from ml_collections import ConfigDict

from ebmjax.flows import bin_width, make_flow
from ebmjax.methods.flow_mle import flow_mle
from ebmjax.training.config import require
from ebmjax.training.optimizers import make_optimizers
from ebmjax.viz import pictures


def num_levels(data_spec):
    """Grey levels of images, over which densities need noise; None for tables."""
    return None if data_spec.max_value is None else data_spec.max_value + 1


def to_grey_levels(x, levels):
    """The images whose bins of grey hold x, clipped: `[N, ...]`, with the values of the data."""
    level = np.floor((np.clip(x, -1, 1) + 1) / bin_width(levels))
    return np.minimum(level, levels - 1) * (2 / (levels - 1)) - 1


def stage_flow(config, data_spec):
    """The flow of config.flow.model.flow."""
    options = config.flow.model.flow.to_dict()
    return make_flow(options.pop("name"), data_spec.shape, **options)


def stage_method(config, data_spec, num_steps):
    """The training of config.flow, of `num_steps` steps."""
    require(config, "flow.optimizer.flow.learning_rate", 0)
    optimizers = make_optimizers(config.flow.optimizer, num_steps, 1)
    return flow_mle(stage_flow(config, data_spec), optimizers=optimizers, num_levels=num_levels(data_spec))


def prepare(config, data_spec):
    """`Experiment.prepare`: the flow, with a config of its own that holds all it depends on, and no more."""
    own = {"experiment": config.experiment, "seed": config.seed, "data": config.data.to_dict()}
    own = ConfigDict(own | config.flow.to_dict()).lock()
    return {"flow": (own, stage_method(config, data_spec, config.flow.train.num_steps))}


def draw_samples(x, path):
    """A grid of samples while training; nothing for points of the plane."""
    if np.ndim(x) == 4:
        pictures.save_grid(x, path)
