"""Scalar fields on a periodic lattice."""

import jax.numpy as jnp
import numpy as np

from ebmjax.energies.analytic import LOG_2PI, Target, transported


def phi_four(shape: tuple[int, ...] = (6, 6), mass2: float = -4.0, coupling: float = 6.975) -> Target:
    """φ⁴ theory: Σ_x [Σ_μ (φ_{x+μ} - φ_x)² + mass2 φ_x² + coupling φ_x⁴] over a periodic lattice; x = φ, flattened.

    The law is symmetric in φ → -φ; with mass2 < 0 every site has two wells, and the sum over the lattice changes its
    sign slowly. With coupling = 0 and mass2 > 0 it is Gaussian, with exact draws and log Z by Fourier transform;
    otherwise neither is known. coupling ≥ 0; with coupling = 0, mass2 > 0.

    Reference: Albergo, Kanwar & Shanahan 2019 (arXiv 1904.12072), eq. (19) with their E5 as the default.
    """
    dim = int(np.prod(shape))
    if coupling < 0 or (coupling == 0 and mass2 <= 0):
        raise ValueError(f"phi_four needs coupling > 0, or coupling = 0 and mass2 > 0; got {coupling} and {mass2}")

    def energy(x):
        field = x.reshape(-1, *shape)
        slopes = sum(jnp.square(jnp.roll(field, -1, axis) - field) for axis in range(1, field.ndim))
        return jnp.sum((slopes + mass2 * field**2 + coupling * field**4).reshape(-1, dim), axis=1)

    if coupling > 0:
        return Target("phi_four", dim, energy, None, float("nan"))
    # Precision 2 (mass2 + Σ_μ (2 - 2 cos k_μ)) of every Fourier mode.
    waves = np.meshgrid(*(2.0 - 2.0 * np.cos(2.0 * np.pi * np.arange(n) / n) for n in shape), indexing="ij")
    precision = 2.0 * (mass2 + sum(waves))
    half_log_det = 0.5 * float(np.sum(np.log(precision)))

    def transport(z):
        axes = tuple(range(1, len(shape) + 1))
        modes = jnp.fft.fftn(z.reshape(-1, *shape), axes=axes) / np.sqrt(precision).astype(z.dtype)
        return jnp.fft.ifftn(modes, axes=axes).real.reshape(-1, dim), jnp.full(z.shape[0], -half_log_det, z.dtype)

    return transported("free_field", dim, energy, 0.5 * dim * LOG_2PI - half_log_det, transport)
