"""Incomplete training examples, from a config's section missing."""

from functools import partial

import jax
import jax.numpy as jnp

from ebmjax.data.masks import random_block, random_pixels, random_squares
from ebmjax.methods.wrappers import concealed
from ebmjax.training.config import ConfigError, choose

LIMITS = {"missing.fraction": 0, "missing.size": 1, "missing.seed": 0}


def make_mask(config, shape, section: str = "missing"):
    """index `[B]` -> bool `[B, *shape]`, true where observed, from a section of the config; None where nothing is
    missing. Raises ConfigError for a mask that is impossible."""
    fields = config
    for name in section.split("."):
        fields = fields[name]
    masks = {
        "": None,
        "pixels": partial(random_pixels, shape=shape, fraction=fields.fraction, seed=fields.seed),
        "squares": partial(random_squares, shape=shape, fraction=fields.fraction, size=fields.size, seed=fields.seed),
        "block": partial(random_block, shape=shape, size=fields.size, seed=fields.seed),
    }
    mask_of = choose(masks, fields.name, f"{section}.name")
    try:
        if mask_of is not None:
            jax.eval_shape(mask_of, jnp.zeros(1, jnp.int32))
    except ValueError as error:
        raise ConfigError(f"{section}.{error}") from error
    return mask_of


def with_missing_entries(config, data_spec, method):
    """`method`, trained on examples with the gaps of config.missing. Raises ConfigError for an impossible mask."""
    mask_of = make_mask(config, data_spec.shape)
    if mask_of is None:
        return method
    refuse_augmentation(config, "what an example lacks, which other crops would show (missing.name)")
    return concealed(method, mask_of)


def refuse_augmentation(config, kept: str) -> None:
    """Raise ConfigError if data.augment is on, in a method that keeps something for each training example."""
    name = config.data.get("augment", "")  # runs of earlier versions have no such field
    if name:
        raise ConfigError(f"data.augment = {name}: this training keeps {kept}; leave it empty")
