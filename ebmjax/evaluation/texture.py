"""Distances between textures, of the distributions of filter responses and of pixels; two textures to compare with."""

from collections.abc import Sequence

import numpy as np

WAVELENGTHS = (4.0, 8.0, 16.0)
ORIENTATIONS = 4
LEVELS = np.linspace(0.005, 0.995, 100)


def gabor_filters(wavelengths: Sequence[float] = WAVELENGTHS, orientations: int = ORIENTATIONS) -> list[np.ndarray]:
    """Gabor filters, even and odd, of each wavelength in pixels and each orientation in [0, π): float64 `[k, k]`.

    A wave under a Gaussian window whose standard deviation is half the wavelength, cut off at two of them, minus its
    mean, with norm 1.
    """
    filters = []
    for wavelength in wavelengths:
        reach = int(np.ceil(wavelength))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        window = np.exp(-(x**2 + y**2) / (2 * (wavelength / 2) ** 2))
        for angle in np.pi * np.arange(orientations) / orientations:
            along = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wavelength
            for wave in (np.cos(along), np.sin(along)):
                kernel = window * wave
                kernel = kernel - kernel.mean()
                filters.append(kernel / np.linalg.norm(kernel))
    return filters


def responses(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cross-correlation of the mean channel with a filter `[k, k]` wherever it lies inside the image: `[N, H, W, C]` ->
    float64 `[N, H - k + 1, W - k + 1]`."""
    grey = x.mean(axis=3, dtype=np.float64)
    size, k = grey.shape[1:], len(kernel)
    wrapped = np.fft.irfft2(np.fft.rfft2(grey) * np.conj(np.fft.rfft2(kernel, s=size)), s=size)
    return wrapped[:, : size[0] - k + 1, : size[1] - k + 1]


def histogram_distance(values: np.ndarray, reference: np.ndarray) -> float:
    """1-Wasserstein distance of two samples of numbers, of any shapes, in standard deviations of the reference; by
    their quantiles at 100 levels. Raises ValueError for a constant reference."""
    if np.std(reference) == 0:
        raise ValueError("histogram_distance: the reference is constant")
    quantiles = np.quantile(reference, LEVELS)
    return float(np.mean(np.abs(np.quantile(values, LEVELS) - quantiles)) / np.std(reference))


def pixel_distance(x: np.ndarray, reference: np.ndarray) -> float:
    """`histogram_distance` of the pixels of two textures, `[N, H, W, C]` and `[M, H', W', C]`, mean over channels."""
    return float(np.mean([histogram_distance(x[..., c], reference[..., c]) for c in range(x.shape[3])]))


def filter_distance(x: np.ndarray, reference: np.ndarray) -> float:
    """`histogram_distance` of the responses of two textures, `[N, H, W, C]` and `[M, H', W', C]`, to each of
    `gabor_filters()`; the mean.

    It takes the places of an image for draws of the texture, and compares marginal distributions (Zhu, Wu & Mumford
    1998, "Filters, random fields and maximum entropy"). Of two images of one texture it is > 0. Raises ValueError for
    images smaller than a filter.
    """
    filters = gabor_filters()
    largest = max(map(len, filters))
    for name, images in (("x", x), ("reference", reference)):
        if min(images.shape[1:3]) < largest:
            raise ValueError(f"filter_distance: {name} {images.shape} is smaller than a filter of {largest} pixels")
    return float(np.mean([histogram_distance(responses(x, k), responses(reference, k)) for k in filters]))


def shuffled_pixels(random: np.random.RandomState, x: np.ndarray) -> np.ndarray:
    """Images of the same pixels in random order: `[N, H, W, C]`. They share the histogram of colours, nothing else."""
    pixels = x.reshape(len(x), -1, x.shape[3])
    return np.stack([image[random.permutation(len(image))] for image in pixels]).reshape(x.shape)


def random_phase(random: np.random.RandomState, x: np.ndarray) -> np.ndarray:
    """Gaussian textures with the power spectrum of each image, and its mean colour: `[N, H, W, C]`.

    The phases of noise are added to those of the image, the same in all channels (Galerne, Gousseau & Morel 2011,
    "Random phase textures"). All that is linear and of second order agrees, and nothing else: no edges, no two levels.
    """
    noise = np.fft.fft2(random.standard_normal(x.shape[:3]))
    phases = noise / np.abs(noise)
    phases[:, 0, 0] = 1.0
    return np.fft.ifft2(np.fft.fft2(x, axes=(1, 2)) * phases[..., None], axes=(1, 2)).real
