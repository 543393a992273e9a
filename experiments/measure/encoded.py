"""Samples, reconstructions and missing entries of methods with a generator and an encoder, beside the VAE's."""

import numpy as np

from ebmjax.report.results import OWN, Figures, merge
from experiments.measure import images, missing


def common_figures(run, train, test, title) -> tuple[np.ndarray, Figures, dict]:
    """(z of the test examples, figures, {path: caption}) of samples, reconstructions and missing entries."""
    z, reconstructed = images.encode_test(run, run.trained, test)
    samples, distances = images.sample_figures(run, train, test, {OWN: run.trained} | run.baselines)
    filled, shown = missing.missing_entries(run, train, test)
    figures = merge(
        {OWN: {"test_mse": images.squared_error(reconstructed, test)}},
        images.pca_figures(train, test, z.shape[1]),
        images.reconstruction_figures(run, test, run.baselines),
        distances,
        filled,
    )
    return z, figures, images.draw(run, title, samples, test, reconstructed, z) | shown


def common_protocol(config, num_train, num_test) -> str:
    """How the figures of `common_figures` were measured."""
    text = (
        f"{images.frechet_protocol(num_train, num_test)} Our samples: g(z); vae: the same generator and encoder as a "
        f"VAE, trained as long by the same optimisers. test_mse: per pixel of {num_test} test images through the "
        f"encoder's mean; pca: PCA with {config.model.latent_dim} components."
    )
    return f"{text} {missing.protocol(config)}".rstrip()
