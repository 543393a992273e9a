"""Closed forms of the curved and multimodal targets; that samples, energy and log Z agree is in test_analytic.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, norm

from ebmjax.data import load
from ebmjax.energies import banana, double_well, eight_gaussians, funnel, many_well, pinwheel, rings
from ebmjax.energies.landscapes import inverse_cdf
from ebmjax.pytree import value_and_grad_rows

KEY = jax.random.key(0)
NUM = 20_000


def test_funnel_by_hand():
    """At x_i = 0 a parabola in v, lowest at v = -(dim - 1) scale² / 2; there the other curvatures are e^-v."""
    target = funnel(10, 3.0)
    v = jnp.array([0.0, 2.0, -9 * 9 / 2])
    x = jnp.zeros((3, 10)).at[:, 0].set(v).at[:2, 4].set(1.5)
    energy, grad = value_and_grad_rows(target.energy, x)
    square = np.array([1.5**2, 1.5**2, 0.0])
    np.testing.assert_allclose(energy, v**2 / 18 + 0.5 * square * np.exp(-v) + 4.5 * v, rtol=1e-5)
    np.testing.assert_allclose(grad[:, 0], v / 9 - 0.5 * square * np.exp(-v) + 4.5, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(grad[:, 4], np.sqrt(square) * np.exp(-v), rtol=1e-5)
    np.testing.assert_allclose(target.log_z, np.log(3.0) + 5 * np.log(2 * np.pi), rtol=1e-12)


def test_funnel_is_held_where_its_neck_leaves_float32():
    """Below v = -60 the precision stays e^60: energies and gradients of 20 standard deviations are still numbers."""
    x = jnp.zeros((3, 2)).at[:, 0].set(jnp.array([-60.0, -80.0, -900.0])).at[:, 1].set(1e3)
    energy, grad = value_and_grad_rows(funnel(2, 3.0).energy, x)
    np.testing.assert_allclose(grad[:, 1], 1e3 * np.exp(60.0), rtol=1e-4)
    assert np.all(np.isfinite(energy)) and np.all(np.isfinite(grad))


def test_banana_moments():
    """x_1 has mean 0 and variance 1 + 2 b² scale⁴ (19 by default), uncorrelated with x_0 though it depends on it."""
    for scale, curvature in ((10.0, 0.03), (1.0, 0.5)):
        x = np.asarray(banana(3, scale, curvature).sample(KEY, NUM), np.float64)
        variance = 1 + 2 * curvature**2 * scale**4
        a, b = x[:, 0], x[:, 1]
        centred = np.stack([b, b**2 - variance, a * b, a**2 - scale**2, a**2 * b - 2 * curvature * scale**4])
        assert np.all(np.abs(centred.mean(1)) < 4.5 * centred.std(1) / np.sqrt(NUM))
    assert banana(3, 10.0, 0.03).log_z == banana(3, 10.0, 0.3).log_z  # bending keeps volumes


def test_double_well_barrier_curvature_and_occupancy():
    """Barriers of `height` a coordinate between minima 0 of curvature 8 height; 2^dim wells, equally full."""
    target = double_well(2, 3.0)
    x = jnp.array([[1.0, -1.0], [0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(target.energy(x), [0.0, 3.0, 6.0], atol=1e-6)
    hessians = jax.vmap(jax.hessian(lambda row: target.energy(row[None])[0]))(x)
    np.testing.assert_allclose(hessians[0], 24.0 * np.eye(2), atol=1e-4)
    np.testing.assert_allclose(hessians[2], -12.0 * np.eye(2), atol=1e-4)
    side = np.asarray(target.sample(KEY, NUM)) > 0
    wells = np.bincount(2 * side[:, 0] + side[:, 1], minlength=4) / NUM
    assert np.all(np.abs(wells - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / NUM))


@pytest.mark.parametrize("radii, sd", [((1.0, 2.0, 3.0, 4.0), 0.15), ((0.5, 1.0), 0.4)])
def test_rings_mass(radii, sd):
    """Ring k holds Φ(r_k / sd) + (sd / r_k) φ(r_k / sd): exactly 1 but for the chance of a negative radius."""
    target, ratio = rings(radii, sd), np.array(radii) / sd
    mass = norm.cdf(ratio) + norm.pdf(ratio) / ratio
    np.testing.assert_allclose(target.log_z, np.log(mass.mean()), atol=1e-7)
    angle = np.linspace(0.0, 2 * np.pi, 7)
    circle = 0.9 * np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    energy, grad = value_and_grad_rows(target.energy, jnp.asarray(circle))
    np.testing.assert_allclose(energy, energy[0], rtol=1e-5)  # the same all around
    np.testing.assert_allclose(grad[:, 0] * circle[:, 1], grad[:, 1] * circle[:, 0], atol=1e-4)  # forces are radial


def test_rings_are_equally_full_all_around():
    x = np.asarray(rings().sample(KEY, NUM), np.float64)
    ring = np.clip(np.round(np.hypot(*x.T)), 1, 4).astype(int)
    assert np.all(np.abs(np.bincount(ring)[1:] / NUM - 0.25) < 4.5 * np.sqrt(0.25 * 0.75 / NUM))
    angle = np.arctan2(x[:, 1], x[:, 0])
    waves = [wave(k * angle).mean() for k in (1, 2, 3) for wave in (np.cos, np.sin)]
    assert np.max(np.abs(waves)) < 4.5 * np.sqrt(0.5 / NUM)


def test_inverse_cdf_of_a_gaussian():
    """log √(2π) to rounding, and draws whose distribution function is Φ: Kolmogorov-Smirnov, 1 in 10,000."""
    sample, log_integral = inverse_cdf(lambda x: -0.5 * x**2, -9.0, 9.0)
    np.testing.assert_allclose(log_integral, 0.5 * np.log(2 * np.pi), rtol=1e-12)
    draws = np.asarray(sample(KEY, (NUM,)))
    assert draws.dtype == np.float32 and kstest(draws, norm.cdf).pvalue > 1e-4


def test_entropy_of_eight_gaussians():
    """Variance 1/8 on radius 2 √2: E[log p] = -2.829 nats; -2.838 if modes did not overlap."""
    target = eight_gaussians(2 * np.sqrt(2), np.sqrt(1 / 8))
    log_p = -target.energy(target.sample(KEY, 10 * NUM)) - target.log_z
    assert abs(np.mean(log_p) + 2.829) < 0.001 + 4 * np.std(log_p) / np.sqrt(10 * NUM) < 0.012


def test_pinwheel_is_a_density_and_that_of_the_data():
    """Mass 1 on a grid of cells of .05; on the outer half of a blade's axis, where b = 0 and no other blade reaches,
    the density is that of (a, b) there; mean energy of the data and of exact draws agree."""
    target, axis = pinwheel(), np.arange(-5, 5, 0.05) + 0.025
    a = np.linspace(1.0, 1.9, 7)
    angle = 0.25 * np.exp(a) + 2 * np.pi / 5
    on_axis = 2 * a[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    x = jnp.concatenate([grid, on_axis, load("pinwheel").x_test, target.sample(KEY, 10_000)])
    grid, on_axis, data, exact = np.split(np.asarray(jax.jit(target.energy)(x)), np.cumsum([len(grid), 7, 10_000]))
    assert np.sum(np.exp(-grid)) * 0.05**2 == pytest.approx(1, abs=5e-4)
    expected = -np.log(5 * 0.3 * 0.1 * 4 * 2 * np.pi) - 0.5 * ((a - 1) / 0.3) ** 2
    np.testing.assert_allclose(-on_axis, expected, atol=1e-4)
    assert abs(data.mean() - exact.mean()) < 5 * data.std() * np.sqrt(2 / 10_000)


def test_gradients_of_the_pinwheel_are_differences_of_its_energy():
    target, x = pinwheel(), jnp.array([[1.0, 0.3], [2.1, -0.4], [0.0, -3.0], [0.3, 0.2], [900.0, -1000.0]])
    energy, grad = jax.jit(lambda x: value_and_grad_rows(target.energy, x))(x)
    assert np.all(np.isfinite(energy)) and np.all(np.isfinite(grad))
    step = 2e-3
    moved = x[:4, None] + step * jnp.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    ends = np.asarray(jax.jit(target.energy)(moved.reshape(-1, 2))).reshape(4, 4)
    slopes = (ends[:, ::2] - ends[:, 1::2]) / (2 * step)
    np.testing.assert_allclose(grad[:4], slopes, rtol=2e-2, atol=2e-2)


def test_many_well_is_the_published_one():
    """log Z = 164.70 in 32 dimensions; wells at -1.71 and 1.75 hold 15 and 85 %, barriers of 8.1 and 9.9 nats."""
    target = many_well()
    np.testing.assert_allclose(target.log_z, 164.6957, atol=1e-3)
    a = np.linspace(-3.0, 3.0, 60_001)
    x = np.zeros((len(a), 2), np.float32)
    x[:, 0] = a
    energy = np.asarray(many_well(2).energy(jnp.asarray(x)), np.float64)
    left, right, top = energy[a < 0].argmin(), energy[a > 0].argmin() + np.sum(a <= 0), np.abs(a) < 0.5
    np.testing.assert_allclose([a[left], a[right]], [-1.711, 1.752], atol=2e-3)
    np.testing.assert_allclose(energy[top].max() - energy[[left, right]], [8.14, 9.87], atol=0.02)
    share = np.exp(-energy)[a > 0].sum() / np.exp(-energy).sum()
    draws = np.asarray(target.sample(KEY, NUM // 16))
    assert abs(np.mean(draws[:, ::2] > 0) - share) < 4.5 * np.sqrt(share * (1 - share) / (NUM // 16 * 16))
    np.testing.assert_allclose(draws[:, 1::2].std(), 1.0, atol=4.5 / np.sqrt(2 * 16 * (NUM // 16)))
    assert abs(share - 0.85) < 0.01
    with pytest.raises(ValueError, match="an even dim"):
        many_well(3)
