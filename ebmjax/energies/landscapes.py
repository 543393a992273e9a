"""Curved and multimodal targets to compare samplers on, with exact draws and log Z."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ebmjax.energies.analytic import LOG_2PI, Target, transported

# exp(60) times any relevant square still fits into float32.
MAX_EXPONENT = 60.0


def funnel(dim: int = 10, scale: float = 3.0) -> Target:
    """v = x_0 ~ N(0, scale²), x_i | v ~ N(0, e^v): energy v² / (2 scale²) + e^-v Σ x_i² / 2 + (dim - 1) v / 2.

    The neck (v < 0) is narrow, the mouth is wide. dim ≥ 2. Below v = -60 (20 standard deviations) e^-v is held at
    e^60, so that energy and gradient stay finite.

    Reference: Neal 2003 (Slice sampling), section 8; Hoffman et al. 2019 (arXiv 1903.03704) for the transport.
    """

    def energy(x):
        v, rest = x[:, 0], x[:, 1:]
        precision = jnp.exp(jnp.minimum(-v, MAX_EXPONENT))
        return v**2 / (2.0 * scale**2) + 0.5 * jnp.sum(rest**2, axis=1) * precision + 0.5 * (dim - 1) * v

    def transport(z):
        v = scale * z[:, :1]
        x = jnp.concatenate([v, jnp.exp(0.5 * v) * z[:, 1:]], axis=1)
        return x, np.log(scale) + 0.5 * (dim - 1) * v[:, 0]

    return transported("funnel", dim, energy, np.log(scale) + 0.5 * dim * LOG_2PI, transport)


def banana(dim: int = 2, scale: float = 10.0, curvature: float = 0.03) -> Target:
    """x_0 ~ N(0, scale²), x_1 ~ N(curvature (x_0² - scale²), 1), the others N(0, 1). dim ≥ 2.

    Reference: Haario, Saksman & Tamminen 1999 (adaptive proposal distribution); defaults as in Hoffman et al. 2019.
    """
    bend = lambda x: curvature * (x[:, :1] ** 2 - scale**2)

    def energy(x):
        straight = jnp.concatenate([x[:, :1] / scale, x[:, 1:2] - bend(x), x[:, 2:]], axis=1)
        return 0.5 * jnp.sum(straight**2, axis=1)

    def transport(z):
        first = scale * z[:, :1]
        x = jnp.concatenate([first, z[:, 1:2] + bend(first), z[:, 2:]], axis=1)
        return x, jnp.full(z.shape[0], np.log(scale), z.dtype)

    return transported("banana", dim, energy, np.log(scale) + 0.5 * dim * LOG_2PI, transport)


def inverse_cdf(log_density: Callable, low: float, high: float, num: int = 2**15 + 1) -> tuple[Callable, float]:
    """Sampler (rng_key, shape) -> draws of the density exp(log_density) on [low, high], and its log integral.

    log_density: numpy, float64, vectorised. The trapezoid rule is spectrally accurate where density and derivatives
    vanish at both ends; between grid points draws are uniform, an error of order ((high - low) / num)².
    """
    grid = np.linspace(low, high, num)
    density = np.exp(log_density(grid))
    cdf = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))]) * (grid[1] - grid[0])

    def sample(rng_key, shape):
        u = jax.random.uniform(rng_key, shape)
        return jnp.interp(u, jnp.asarray(cdf / cdf[-1], u.dtype), jnp.asarray(grid, u.dtype))

    return sample, float(np.log(cdf[-1]))


def double_well(dim: int = 2, height: float = 2.0) -> Target:
    """Energy Σ_i height (x_i² - 1)²: 2^dim wells at ±1, with barriers of `height` > 0 nats between neighbours."""
    # Outside this interval the density is below e^-50 of its maximum.
    edge = float(np.sqrt(1.0 + np.sqrt(50.0 / height)))
    sample, log_z = inverse_cdf(lambda x: -height * (x**2 - 1.0) ** 2, -edge, edge)
    energy = lambda x: height * jnp.sum(jnp.square(x * x - 1.0), axis=1)
    return Target("double_well", dim, energy, lambda rng_key, num: sample(rng_key, (num, dim)), dim * log_z)


def many_well(dim: int = 32) -> Target:
    """Energy Σ of a⁴ - 6 a² - a / 2 + b² / 2 over pairs (a, b) of coordinates: 2^(dim / 2) unequal wells. dim even.

    Along a the wells at -1.71 and 1.75 hold 15 % and 85 %, behind a barrier of 8.1 and 9.9 nats. log Z = 164.70 for 32.

    Reference: Noé et al. 2019 (Boltzmann generators); Midgley et al. 2023 (arXiv 2208.01893) for 32 dimensions.
    """
    if dim < 2 or dim % 2:
        raise ValueError(f"many_well needs an even dim of at least 2, got {dim}")
    # Outside ±3.6 the density is below e^-95 of its maximum.
    sample_a, log_z = inverse_cdf(lambda a: -(a**4) + 6.0 * a**2 + 0.5 * a, -3.6, 3.6)

    def energy(x):
        a, b = x[:, ::2], x[:, 1::2]
        return jnp.sum(a**4 - 6.0 * a**2 - 0.5 * a + 0.5 * b**2, axis=1)

    def sample(rng_key, num):
        a_key, b_key = jax.random.split(rng_key)
        pairs = sample_a(a_key, (num, dim // 2)), jax.random.normal(b_key, (num, dim // 2))
        return jnp.stack(pairs, axis=2).reshape(num, dim)

    return Target("many_well", dim, energy, sample, dim / 2 * (log_z + 0.5 * LOG_2PI))


def rings(radii: ArrayLike = (1.0, 2.0, 3.0, 4.0), sd: float = 0.15) -> Target:
    """Equal concentric rings in 2-D: energy -log average_k N(||x||; radius_k, sd²) / (2π radius_k).

    Ring k has mass Φ(radius_k / sd) + (sd / radius_k) φ(radius_k / sd), which is 1 up to the chance that the Gaussian
    radius is negative; log Z is the log of their average. radii, sd > 0.

    Reference: the toy of Nijkamp et al. 2019 (arXiv 1903.12370), with a density that has no pole at the origin.
    """
    radii = np.asarray(radii, float)
    if np.any(radii <= 0) or sd <= 0:
        raise ValueError(f"rings need positive radii and sd, got {radii} and {sd}")
    log_scale = -np.log(radii.size * 2.0 * np.pi * radii * sd) - 0.5 * LOG_2PI

    def radial_log_density(r):
        terms = log_scale - (r[:, None] - radii) ** 2 / (2.0 * sd**2)
        return np.log(np.maximum(2.0 * np.pi * r, 1e-300)) + np.logaddexp.reduce(terms, axis=1)

    sample_radius, log_z = inverse_cdf(radial_log_density, 0.0, radii.max() + 10.0 * sd)

    def energy(x):
        # The floor keeps the square root's gradient finite (zero) at the origin.
        r = jnp.sqrt(jnp.maximum(jnp.sum(x**2, axis=1), 1e-12))
        terms = log_scale.astype(x.dtype) - (r[:, None] - radii.astype(x.dtype)) ** 2 / (2.0 * sd**2)
        return -jax.nn.logsumexp(terms, axis=1)

    def sample(rng_key, num):
        radius_key, angle_key = jax.random.split(rng_key)
        angle = jax.random.uniform(angle_key, (num,), maxval=2.0 * np.pi)
        return sample_radius(radius_key, (num, 1)) * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)

    return Target("rings", 2, energy, sample, log_z)


def pinwheel(scale: float = 2.0) -> Target:
    """Five Gaussian blades N((1, 0), diag(.3², .1²)) of (a, b), turned by 2πk / 5 + 0.25 e^a, then multiplied by
    `scale` > 0: the toy `pinwheel` of `data.toy`.

    A blade's map (a, b) -> x has the determinant 1 - 0.25 e^a b, and a is found by Newton's steps. Exact to 2e-4 in
    mass; more than 5 standard deviations across a blade, two (a, b) may give one x, of which the energy sees one.

    Reference: Johnson et al. 2016 (arXiv 1603.06277), with the constants of FFJORD (arXiv 1810.01367).
    """
    turns = 2.0 * np.pi * np.arange(5) / 5
    # Held at its value 7 standard deviations out, so that it stays finite.
    turn = lambda a: 0.25 * jnp.exp(jnp.minimum(a, 3.0))

    def energy(x):
        x = x / scale
        radius = jnp.sqrt(jnp.maximum(jnp.sum(x**2, axis=1), 1e-12))[:, None]
        angle = jnp.arctan2(x[:, 1], jnp.where(radius[:, 0] > 2e-6, x[:, 0], 1e-6))[:, None] - turns.astype(x.dtype)
        place = lambda a: (radius * jnp.cos(angle - turn(a)), radius * jnp.sin(angle - turn(a)))  # along, across

        def newton(a, _):
            along, across = place(a)
            slope = jax.lax.stop_gradient(1.0 - across * turn(a))
            return a - (a - along) / jnp.where(jnp.abs(slope) > 0.2, slope, 0.2), None

        start = radius * jnp.cos(angle - turn(radius))
        a = jax.lax.stop_gradient(jax.lax.scan(newton, start, None, length=12)[0])
        a = newton(a, None)[0]  # its derivative in x is that of the solution
        along, across = place(a)
        # Off the blade, where there is no solution, what is missing along it counts as across it.
        square = (along - 1.0) ** 2 / 0.09 + (across**2 + (along - a) ** 2) / 0.01
        log_det = jnp.log(jnp.maximum(jnp.abs(1.0 - across * turn(a)), 0.05))
        log_scale = -np.log(5 * 0.3 * 0.1 * scale**2) - LOG_2PI
        return -jax.nn.logsumexp(log_scale - 0.5 * square - log_det, axis=1)

    def sample(rng_key, num):
        blade_key, noise_key = jax.random.split(rng_key)
        a, b = (jnp.array([0.3, 0.1]) * jax.random.normal(noise_key, (num, 2)) + jnp.array([1.0, 0.0])).T
        angle = jnp.asarray(turns)[jax.random.randint(blade_key, (num,), 0, 5)] + turn(a)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        return scale * jnp.stack([a * cos - b * sin, a * sin + b * cos], axis=1)

    return Target("pinwheel", 2, energy, sample, 0.0)
