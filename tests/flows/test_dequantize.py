"""From grey levels to densities and back: bins that tile [-1, 1], and bits/dim of closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.data import to_float
from ebmjax.flows import bin_width, bits_per_dim, dequantize, latent_log_prob, quantize

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
