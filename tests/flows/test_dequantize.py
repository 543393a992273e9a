"""From grey levels to densities and back: bins that tile [-1, 1], and bits/dim of closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data import to_float
from ebmjax.flows import (
    bin_width,
    bits_per_dim,
    dequantize,
    dequantize_logits,
    from_logits,
    latent_log_prob,
    quantize,
)

KEY = jax.random.key(0)


@pytest.mark.parametrize("num_levels", [2, 17, 256])
def test_bins_tile_the_interval(num_levels):
    level = np.arange(num_levels)[:, None]
    x = to_float(jnp.asarray(np.repeat(level, 500, axis=1), jnp.uint8), num_levels - 1)
    y = dequantize(KEY, x, num_levels)
    edges = np.linspace(-1, 1, num_levels + 1)[:, None]
    assert np.all(y >= edges[:-1] - 1e-6) and np.all(y <= edges[1:] + 1e-6)
    np.testing.assert_allclose(np.ptp(y, axis=1), bin_width(num_levels), rtol=0.05)
    # But for noise that rounds up to the next bin in float32: of 256 levels one draw in 10⁵.
    assert np.mean(np.abs(quantize(y, num_levels) - x) > 1e-5) < 1e-3


def test_the_uniform_density_takes_eight_bits():
    """Density 1/2 on [-1, 1], or 1 on a unit interval, for 256 levels: 8 bits, exactly."""
    dim = 3072
    np.testing.assert_allclose(bits_per_dim(jnp.array([-dim * np.log(2.0)]), dim, bin_width(256)), 8.0, rtol=1e-6)
    np.testing.assert_allclose(bits_per_dim(jnp.zeros(1), dim, 1 / 256), 8.0, rtol=1e-6)


def test_the_standard_normal_on_the_unit_interval():
    """8 + log2(2π) / 2 + E[x²] / (2 ln 2) = 9.3257 + 0.7213 E[x²] bits, with x in [-1/2, 1/2]."""
    x = dequantize(KEY, to_float(jax.random.randint(KEY, (4, 3072), 0, 256), 255), 256) / 2
    expected = 9.3257 + 0.7213 * jnp.mean(x**2, axis=1)
    np.testing.assert_allclose(bits_per_dim(latent_log_prob(x), 3072, 1 / 256), expected, atol=1e-3)


def test_one_level_is_no_image():
    with pytest.raises(ValueError, match="must be at least 2"):
        bin_width(1)


def test_half_precision_images_get_the_noise_of_float32():
    """In bfloat16 level 200 plus a number below 1 would be a whole number."""
    x = to_float(jnp.full((4, 500), 200, jnp.uint8), 255)
    np.testing.assert_allclose(dequantize(KEY, x.astype(jnp.bfloat16), 256), dequantize(KEY, x, 256), atol=1e-6)


def test_logits_are_of_the_noisy_pixels_and_clipped():
    """A level n of 256: sigmoid(logit) - n / 255 is uniform in ±1/512; of black three in four are at .001."""
    level = np.repeat([0, 100, 255], 20_000)
    x = to_float(jnp.asarray(level, jnp.uint8), 255)
    logits = dequantize_logits(KEY, x, 256)
    assert float(jnp.max(jnp.abs(logits))) == pytest.approx(np.log(0.999 / 0.001), rel=1e-4)
    black, grey, white = np.split(np.asarray(jax.nn.sigmoid(logits)), 3)
    assert np.abs(grey - 100 / 255).max() <= 1 / 512 + 1e-6
    # A uniform number has the variance width² / 12; 20,000 draws know it to 1 %.
    np.testing.assert_allclose(np.var(grey), (1 / 256) ** 2 / 12, rtol=0.04)
    share = 0.5 + 0.256  # noise below .001: (1/512 + .001) / (1/256)
    assert np.mean(black < 0.00101) == pytest.approx(share, abs=0.015)  # five standard errors
    assert np.mean(white > 0.99899) == pytest.approx(share, abs=0.015)
    np.testing.assert_allclose(from_logits(logits[20_000:40_000]), 2 * grey - 1, atol=1e-5)
