"""Samples, reconstructions and missing entries of methods with a generator and an encoder, beside the VAE's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.baselines import mean_fill, neighbour_fill
from ebmjax.report.results import OWN, Figures, merge
from ebmjax.viz import pictures
from experiments.build.encoded import make_mask
from experiments.measure import images


def common_figures(run, train, test, title) -> tuple[np.ndarray, Figures, dict]:
    """(z of the test examples, figures, {path: caption}) of samples, reconstructions and missing entries."""
    z, reconstructed = images.encode_test(run, run.trained, test)
    samples, distances = images.sample_figures(run, train, test, {OWN: run.trained} | run.baselines)
    missing, shown = missing_entries(run, train, test)
    figures = merge(
        {OWN: {"test_mse": images.squared_error(reconstructed, test)}},
        images.pca_figures(train, test, z.shape[1]),
        images.reconstruction_figures(run, test, run.baselines),
        distances,
        missing,
    )
    return z, figures, images.draw(run, title, samples, test, reconstructed, z) | shown


def common_protocol(config, num_train, num_test) -> str:
    """How the figures of `common_figures` were measured."""
    text = (
        f"{images.frechet_protocol(num_train, num_test)} Our samples: g(z); vae: the same generator and encoder as a "
        f"VAE, trained as long by the same optimisers. test_mse: per pixel of {num_test} test images through the "
        f"encoder's mean; pca: PCA with {config.model.latent_dim} components."
    )
    return f"{text} {missing_protocol(config)}" if config.missing.name else text


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
    if train[0].size <= images.MAX_PIXELS:
        seen = incomplete["missing_mse"], masks["missing_mse"]
        fill |= {"mean_fill": partial(mean_fill, *seen), "neighbour_fill": partial(neighbour_fill, *seen)}
    figures: Figures = {arm: {} for arm in fill}
    for name, (x, _) in parts.items():
        filled = {arm: function(incomplete[name], masks[name]) for arm, function in fill.items()}
        for arm, found in filled.items():
            figures[arm][name] = np.mean(np.square(found - x)[~masks[name]])
    if test.ndim != 4:
        return figures, {}
    path = run.workdir / "missing.png"
    rows = np.stack([np.where(masks["missing_mse_test"], test, 0.0)[:12], filled[OWN][:12], test[:12]])
    title = "test examples: what is seen, what is inferred, the truth"
    pictures.save_interpolations(rows.astype(np.float32), path, title=title)
    return figures, {path: ""}


def filler(run, trained):
    """(x, mask) -> x with its gaps filled by the mean of draws of a trained method, as suits squared errors."""
    settings = run.config.evaluate
    inpaint = partial(trained.method.functions["inpaint"], trained.state)

    def fill(batch):
        one = lambda key: inpaint(key, *batch)
        return jnp.mean(jax.lax.map(one, jax.random.split(run.rng_key, settings.inpainting_samples)), axis=0)

    return lambda x, mask: map_batches(jax.jit(fill), (x, mask), settings.batch_size)


def missing_protocol(config) -> str:
    """How the figures of `missing_entries` were measured."""
    fields = config.missing
    lacking = {
        "pixels": f"{fields.fraction:.0%} random pixels",
        "block": f"a block of {fields.size} x {fields.size} pixels",
    }[fields.name]
    return (
        f"Every training example lacks {lacking}, the same each time. missing_mse: per entry of the missing part of "
        f"training examples, filled with the mean of {config.evaluate.inpainting_samples} draws of z; "
        "missing_mse_test: of test examples, with masks of their own; mean_fill: filled with the mean over the "
        "training examples that have the pixel; neighbour_fill: with that of the 5 nearest of them."
    )
