"""Distances of textures: values by hand, and what the two textures to compare with keep."""

import numpy as np
import pytest

from ebmjax.data import load
from ebmjax.evaluation.texture import (
    filter_distance,
    gabor_filters,
    histogram_distance,
    pixel_distance,
    random_phase,
    responses,
    shuffled_pixels,
)

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((2, 48, 40, 3))


def test_filters():
    """Three wavelengths, four orientations, even and odd; blind to a constant."""
    filters = gabor_filters()
    assert len(filters) == 24 and {len(kernel) for kernel in filters} == {9, 17, 33}
    for even, odd in zip(filters[::2], filters[1::2]):
        np.testing.assert_allclose([even.sum(), odd.sum(), np.sum(even * odd)], 0, atol=1e-12)
        np.testing.assert_allclose([np.sum(even**2), np.sum(odd**2)], 1)
        np.testing.assert_allclose([even - even[::-1, ::-1], odd + odd[::-1, ::-1]], 0, atol=1e-12)


def test_responses_are_those_of_places_inside():
    kernel = RANDOM.standard_normal((5, 5))
    found = responses(X, kernel)
    assert found.shape == (2, 44, 36)
    for i, row, column in ((0, 0, 0), (1, 43, 35), (1, 7, 20)):
        window = X[i, row : row + 5, column : column + 5].mean(axis=2)
        assert found[i, row, column] == pytest.approx(np.sum(window * kernel))


def test_a_filter_answers_most_to_its_own_wave():
    waves = [np.cos(2 * np.pi * np.arange(64) / wavelength) for wavelength in (4, 8, 16)]
    images = np.stack([np.broadcast_to(wave, (64, 64)) for wave in waves])[..., None]
    for i, kernel in enumerate(gabor_filters(orientations=1)[::2]):
        assert np.argmax(responses(images, kernel).std(axis=(1, 2))) == i


def test_histograms_by_hand():
    """A shift by c gives c / sd, a stretch by f about the mean |f - 1| times the mean of |x - mean| / sd."""
    values = RANDOM.standard_normal(100_000)
    assert histogram_distance(values, values[::-1]) == 0
    assert histogram_distance(values + 2, values) == pytest.approx(2 / values.std(), rel=1e-12)
    # The mean of |x| is √(2/π) = .798; 100 levels from .005 to .995 leave out 1 % of the tails: .79.
    assert histogram_distance(3 * values, values) == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.03)
    with pytest.raises(ValueError, match="the reference is constant"):
        histogram_distance(values, np.ones(5))


def test_distances_of_textures():
    assert pixel_distance(X, X) == filter_distance(X, X) == 0
    shifted = X + np.array([1.0, 0.0, 0.0])
    assert pixel_distance(shifted, X) == pytest.approx(1 / X[..., 0].std() / 3)
    assert filter_distance(shifted, X) < 1e-12  # filters do not see a constant
    with pytest.raises(ValueError, match=r"x \(2, 32, 40, 3\) is smaller than a filter of 33 pixels"):
        filter_distance(X[:, :32], X)


def test_what_shuffling_and_random_phases_keep():
    """Pixels; and the power spectrum with the mean. The labyrinth's edges are in neither."""
    texture = load("labyrinth").x_train / 127.5 - 1
    shuffled, gaussian = shuffled_pixels(RANDOM, texture), random_phase(RANDOM, texture)
    np.testing.assert_array_equal(np.sort(shuffled, axis=None), np.sort(texture, axis=None))
    spectrum = lambda x: np.abs(np.fft.fft2(x, axes=(1, 2)))
    np.testing.assert_allclose(spectrum(gaussian), spectrum(texture), atol=1e-8)
    assert gaussian.mean() == pytest.approx(texture.mean())
    colours = random_phase(RANDOM, X)  # the same phases in all channels: their products keep their spectrum
    products = lambda x: np.fft.fft2(x[..., 0], axes=(1, 2)) * np.conj(np.fft.fft2(x[..., 1], axes=(1, 2)))
    np.testing.assert_allclose(products(colours), products(X), atol=1e-6)
    assert pixel_distance(shuffled, texture) == 0 < 0.1 < pixel_distance(gaussian, texture)
    assert filter_distance(gaussian, texture) < 0.5 * filter_distance(shuffled, texture)
