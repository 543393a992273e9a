"""Missing entries of incomplete examples: how well a trained method fills them, beside means and nearest neighbours."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.baselines import mean_fill, neighbour_fill
from ebmjax.report.results import OWN, Figures
from experiments.build.missing import make_mask
from experiments.measure import images


def missing_entries(run, train, test) -> tuple[Figures, dict]:
    """(figures, {path: caption}) of the missing entries of training and test examples; nothing where none is missing.

    Test examples have masks of their own, whose indices follow those of the training set.
    """
    mask_of = make_mask(run.config, train.shape[1:])
    if mask_of is None:
        return {}, {}
    parts = {"missing_mse": (train, 0), "missing_mse_test": (test, len(run.dataset.x_train))}
    masks = {name: np.asarray(mask_of(np.arange(len(x)) + start)) for name, (x, start) in parts.items()}
    incomplete = {name: np.where(masks[name], x, np.nan) for name, (x, _) in parts.items()}
    fill = {arm: filler(run, trained) for arm, trained in ({OWN: run.trained} | run.baselines).items()}
    seen = incomplete["missing_mse"], masks["missing_mse"]
    fill["mean_fill"] = partial(mean_fill, *seen)
    if train[0].size <= images.MAX_PIXELS:
        fill["neighbour_fill"] = partial(neighbour_fill, *seen)
    figures: Figures = {arm: {} for arm in fill}
    for name, (x, _) in parts.items():
        filled = {arm: function(incomplete[name], masks[name]) for arm, function in fill.items()}
        for arm, found in filled.items():
            figures[arm][name] = np.mean(np.square(found - x)[~masks[name]])
    shown = images.draw_filled(
        run.workdir / "missing.png", "test examples", test, masks["missing_mse_test"], filled[OWN]
    )
    return figures, shown


def filler(run, trained):
    """(x, mask) -> x with its gaps filled by the mean of draws of a trained method, as suits squared errors."""
    settings = run.config.evaluate
    inpaint = partial(trained.method.functions["inpaint"], trained.state)

    def fill(batch):
        one = lambda key: inpaint(key, *batch)
        return jnp.mean(jax.lax.map(one, jax.random.split(run.rng_key, settings.inpainting_samples)), axis=0)

    return lambda x, mask: map_batches(jax.jit(fill), (x, mask), settings.batch_size)


def lacking(fields) -> str:
    """Words for what a section with the fields of config.missing hides."""
    return {
        "pixels": f"{fields.fraction:.0%} random pixels",
        "squares": f"{fields.fraction:.0%} of its pixels, hidden by random squares of {fields.size} x {fields.size}",
        "block": f"a block of {fields.size} x {fields.size} pixels",
    }[fields.name]


def protocol(config) -> str:
    """How the figures of `missing_entries` were measured; "" where nothing is missing."""
    fields = config.missing
    if not fields.name:
        return ""
    return (
        f"Every training example lacks {lacking(fields)}, the same each time. missing_mse: per entry of the missing "
        f"part of training examples, filled with the mean of {config.evaluate.inpainting_samples} draws of z; "
        "missing_mse_test: of test examples, with masks of their own; mean_fill: filled with the mean over the "
        "training examples that have the pixel; neighbour_fill: with that of the 5 nearest of them."
    )
