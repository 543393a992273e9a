"""Modes of stacked images, on labels that a stand-in classifier reads off the pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.evaluation.stacked import mode_figures, stacked_modes


def test_modes_are_read_off_the_channels():
    """An image's class is the value of its pixels."""
    classes = np.random.RandomState(0).randint(0, 4, (30, 3))
    x = np.broadcast_to(classes[:, None, None, :], (30, 2, 2, 3)).astype(np.float32)
    logits = jax.jit(lambda grey: -jnp.abs(grey[:, 0, 0, :] - jnp.arange(4)))
    assert np.array_equal(stacked_modes(logits, x, 4, batch_size=16), classes @ [1, 4, 16])


def test_divergence_of_frequencies():
    """KL((1/2, 1/2, 0, 0) || uniform over 4) = log 2, with two modes."""
    found = mode_figures(np.array([0, 1, 1, 0]), np.arange(4), 4)
    assert found["modes"] == 2 and found["kl_modes"] == pytest.approx(np.log(2))
    assert mode_figures(np.arange(4), np.arange(4), 4) == {"modes": 4, "kl_modes": 0}


def test_a_mode_that_the_reference_lacks():
    assert mode_figures(np.array([3]), np.arange(3), 4)["kl_modes"] == np.inf


def test_the_bias_of_exact_samples():
    """About (K - 1) / 2 N, if the reference is far larger."""
    random = np.random.RandomState(0)
    found = mode_figures(random.randint(0, 100, 5000), random.randint(0, 100, 500_000), 100)
    assert found["kl_modes"] == pytest.approx(99 / 10_000, rel=0.4)  # sd of χ² with 99 degrees: .14 of its mean
