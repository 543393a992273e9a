"""Optimisers of a method from a config's section optimizer."""

from collections.abc import Mapping

import optax

from ebmjax.optimizers import make_optimizers


def optimizers_of(
    config, data_spec, groups: Mapping | None = None, *, num_steps: int | None = None
) -> dict[str, optax.GradientTransformation]:
    """{group: its optimiser}, one for each parameter group of the method.

    groups: {group: its fields}, by default config.optimizer. num_steps: of the training, by default
    config.train.num_steps; an epoch of schedules is one of config.train.batch_size.
    """
    steps_per_epoch = max(data_spec.num_train // config.train.batch_size, 1)
    return make_optimizers(
        config.optimizer if groups is None else groups, num_steps or config.train.num_steps, steps_per_epoch
    )
