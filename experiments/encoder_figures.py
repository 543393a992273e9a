"""Figures that the experiments with a generator and an encoder have in common, beside the VAE's: samples,
reconstructions, missing entries."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.evaluation import map_batches
from ebmjax.evaluation.baselines import mean_fill, neighbour_fill
from ebmjax.viz import pictures
from experiments import generators
from experiments.encoders import make_mask


def common_figures(run, train, test, title):
    """(z of the test examples, metrics, baselines, pictures): samples, reconstructions and missing entries."""
    z, reconstructed = generators.encode_test(run, run.trained, test)
    metrics = {"test_mse": np.mean(np.square(reconstructed - test))}
    others = generators.pca_figures(train, test, z.shape[1])
    for name, other in run.baselines.items():
        others[f"test_mse_{name}"] = np.mean(np.square(generators.encode_test(run, other, test)[1] - test))
    samples, *distances = generators.distances(run, train, test, {"": run.trained} | run.baselines)
    filled = recovery(run, train, test)
    paths = generators.draw(run, title, samples, test, reconstructed, z) + filled[0]
    return z, metrics | distances[0] | filled[1], others | distances[1] | filled[2], paths


def common_protocol(config, num_train, num_test) -> str:
    """How the figures of `common_figures` were measured."""
    return (
        f"Fréchet distances of {num_train} clipped samples g(z) to the {num_train} training images, over pixels in "
        "[-1, 1] and over the last hidden layer of a small classifier of the labels; _real: test images instead of "
        "samples; _vae: the same generator and encoder as a VAE, trained as long by the same optimisers. test_mse: per "
        f"pixel of {num_test} test images through the encoder's mean; pca_mse: PCA with {config.model.latent_dim} "
        f"components. {recovery_protocol(config)}"
    )


def recovery(run, train, test):
    """The missing part of the training and test examples: ([picture], metrics, baselines); nothing where none is.

    Test examples have masks of their own, behind those of the training set.
    """
    mask_of = make_mask(run.config, train.shape[1:])
    if mask_of is None:
        return [], {}, {}
    masks = [
        np.asarray(mask_of(np.arange(len(x)) + start)) for x, start in ((train, 0), (test, len(run.dataset.x_train)))
    ]
    seen = [np.where(mask, x, np.nan) for x, mask in zip((train, test), masks)]
    filled = {"": filler(run, run.trained), **{f"_{name}": filler(run, other) for name, other in run.baselines.items()}}
    if train[0].size <= generators.MAX_PIXELS:
        filled["_mean"] = partial(mean_fill, seen[0], masks[0])
        filled["_neighbours"] = partial(neighbour_fill, seen[0], masks[0])
    metrics, others, shown = {}, {}, test
    for arm, fill in filled.items():
        for part, x, gaps, mask in zip(("", "_test"), (train, test), seen, masks):
            found = fill(gaps, mask)
            (others if arm else metrics)[f"missing_mse{part}{arm}"] = np.mean(np.square(found - x)[~mask])
            shown = found if not arm and part else shown
    if test.ndim != 4:
        return [], metrics, others
    path = run.workdir / "missing.png"
    rows = np.stack([np.where(masks[1], test, 0.0)[:12], shown[:12], test[:12]]).astype(np.float32)
    pictures.save_interpolations(rows, path, title="test examples: what is seen, what is inferred, the truth")
    return [path], metrics, others


def filler(run, trained):
    """(x, mask) -> x with its gaps filled by a trained method: the mean of draws, for squared errors ask for a mean."""
    settings = run.config.evaluate
    inpaint = partial(trained.method.functions["inpaint"], trained.state)

    def fill(batch):
        one = lambda key: inpaint(key, *batch)
        return jnp.mean(jax.lax.map(one, jax.random.split(run.rng_key, settings.inpainting_samples)), axis=0)

    return lambda x, mask: map_batches(jax.jit(fill), (x, mask), settings.batch_size)


def recovery_protocol(config) -> str:
    """How the figures of `recovery` were measured."""
    fields = config.missing
    what = {
        "pixels": f"{fields.fraction:.0%} random pixels",
        "block": f"a block of {fields.size} x {fields.size} pixels",
    }
    if not fields.name:
        return ""
    return (
        f"Every training example lacks {what[fields.name]}, the same each time. missing_mse: per entry of the missing "
        f"part of training examples, filled with the mean of {config.evaluate.inpainting_samples} draws of z; "
        "missing_mse_test: of test examples, with masks of their own; _mean: filled by the "
        "mean over the training examples that have the pixel; _neighbours: with that of the 5 nearest of them."
    )
