"""The contract of every analytic target: samples, energy, log Z and transport describe one and the same law."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import (
    TARGETS,
    banana,
    double_well,
    eight_gaussians,
    funnel,
    gaussian,
    mixture,
    rings,
    standard_gaussian,
)
from ebmjax.pytree import value_and_grad_rows

NUM = 20_000
# Two dimensions and a box [low, high]² that holds all but 1e-12 of the mass: for quadrature.
PLANAR = {
    "standard_gaussian": (partial(standard_gaussian, 2), (-8, 8)),
    "gaussian": (TARGETS["gaussian"], (-12, 12)),
    "mixture": (TARGETS["mixture"], (-10, 10)),
    "eight_gaussians": (eight_gaussians, (-2.5, 2.5)),
    "rings": (rings, (-5.5, 5.5)),
    "wide_rings": (partial(rings, (0.5, 1.0), 0.4), (-5, 5)),  # mass at the origin: log Z is not 0
    "funnel": (partial(funnel, 2, 0.5), (-30, 30)),
    "banana": (partial(banana, 2, 1.2, 0.3), (-25, 25)),
    "double_well": (double_well, (-3, 3)),
    "flat_double_well": (partial(double_well, 2, 0.1), (-7, 7)),
}


@pytest.fixture(params=TARGETS, name="target")
def target_fixture(request):
    return TARGETS[request.param]()


def test_shapes_and_names(target):
    x = target.sample(jax.random.key(0), 7)
    energy = target.energy(x)
    assert x.shape == (7, target.dim) and energy.shape == (7,)
    assert x.dtype == energy.dtype == jnp.float32
    assert isinstance(target.log_z, float) and isinstance(target.name, str)
    assert np.all(np.isfinite(energy))
    assert np.array_equal(x, target.sample(jax.random.key(0), 7))
    assert not np.any(np.all(x == target.sample(jax.random.key(1), 7), axis=1))


def test_rows_are_independent(target):
    """Other rows may hold anything, even NaN, without a bit of row 1 changing, in value or gradient."""
    run = jax.jit(partial(value_and_grad_rows, target.energy))
    x = target.sample(jax.random.key(0), 5)
    energy, grad = run(x)
    for filler in (3.0, jnp.nan):
        other_energy, other_grad = run(jnp.full_like(x, filler).at[1].set(x[1]))
        assert energy[1] == other_energy[1]
        np.testing.assert_array_equal(grad[1], other_grad[1])


def test_finite_far_away_and_at_the_origin(target):
    signs = jax.random.rademacher(jax.random.key(0), (64, target.dim), jnp.float32)
    axes = jnp.concatenate([jnp.eye(target.dim), -jnp.eye(target.dim)])
    for x in (jnp.zeros((1, target.dim)), 1e3 * signs, 1e3 * axes, -1e3 * jnp.ones((1, target.dim))):
        energy, grad = value_and_grad_rows(target.energy, x)
        assert np.all(np.isfinite(energy)) and np.all(np.isfinite(grad))


def test_samples_satisfy_integration_by_parts(target):
    """E<x, ∇U> = dim and E||∇U||² = E[ΔU] under exp(-U) (data-space spec, item 5); 4.5 standard errors."""
    # Without a second moment for e^-v the funnel at its default scale has no second identity worth estimating.
    if target.name == "funnel":
        target = funnel(dim=4, scale=0.5)
    x = target.sample(jax.random.key(1), NUM)
    grad_fn = jax.grad(lambda row: target.energy(row[None])[0])

    def terms(row):
        grad, hessian = grad_fn(row), jax.jacfwd(grad_fn)(row)
        return jnp.dot(row, grad) - target.dim, jnp.dot(grad, grad) - jnp.trace(hessian)

    for values in jax.jit(lambda x: jax.lax.map(terms, x, batch_size=2000))(x):
        assert abs(np.mean(values)) < 4.5 * np.std(values) / np.sqrt(NUM) + 1e-4 * target.dim


@pytest.mark.parametrize("name", PLANAR)
def test_log_z_and_moments_by_quadrature(name):
    constructor, (low, high) = PLANAR[name]
    target = constructor()
    axis = np.linspace(low, high, 1201)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    energy = np.asarray(jax.jit(target.energy)(jnp.asarray(grid, jnp.float32)), np.float64)
    weights = np.exp(-energy) * (axis[1] - axis[0]) ** 2
    # The trapezoid rule converges faster than any power here (rings: 1e-5 at the kink); energies are float32.
    np.testing.assert_allclose(np.log(weights.sum()), target.log_z, atol=3e-5)

    def statistics(x, energy):
        a, b = np.asarray(x, np.float64).T
        return np.stack([a, b, a**2, b**2, a * b, a**2 * b, np.asarray(energy), np.cos(3 * a), np.abs(b) < 0.5])

    expected = statistics(grid, energy) @ (weights / weights.sum())
    x = target.sample(jax.random.key(2), NUM)
    draws = statistics(x, target.energy(x))
    error = np.abs(draws.mean(1) - expected) / (draws.std(1) / np.sqrt(NUM))
    # The indicator's quadrature is only as fine as the grid, hence the floor; else 4.5 standard errors.
    assert np.all((error < 4.5) | (np.abs(draws.mean(1) - expected) < 2e-3)), error


def test_transport_jacobian_and_law(target):
    if target.transport is None:
        pytest.skip("no exact map known")
    z = jax.random.normal(jax.random.key(3), (NUM, target.dim))
    x, log_det = target.transport(z)
    jacobians = jax.vmap(jax.jacfwd(lambda row: target.transport(row[None])[0][0]))(z[:8])
    np.testing.assert_allclose(log_det[:8], jnp.linalg.slogdet(jacobians)[1], rtol=1e-4, atol=1e-4)
    # -log p(x) + log q(x) = 0 for every point, not only on average (values: test_combinators.py).
    gap = np.asarray(target.energy(x) - log_det) - np.asarray(0.5 * jnp.sum(z**2, 1))
    assert gap.shape == log_det.shape == (NUM,)
    np.testing.assert_allclose(gap.mean(), 0.5 * target.dim * np.log(2 * np.pi) - target.log_z, atol=1e-4)
    assert gap.std() < 1e-3


def test_benchmark_targets_are_the_peers():
    """gauss100, funnel and double_well as the other libraries' benchmarks define them."""
    x = 2.0 * jax.random.normal(jax.random.key(0), (50, 100))
    np.testing.assert_allclose(TARGETS["gauss100"]().energy(x), 0.5 * jnp.sum(x * x, 1), rtol=1e-6)
    x = x[:, :10]
    v, rest = x[:, 0], jnp.sum(x[:, 1:] ** 2, 1)
    expected = v * v / 18 + 0.5 * rest * jnp.exp(-v) + 0.5 * 9 * v
    np.testing.assert_allclose(TARGETS["funnel"]().energy(x), expected, rtol=1e-5, atol=1e-5)
    x = x[:, :2]
    np.testing.assert_allclose(TARGETS["double_well"]().energy(x), jnp.sum((2 * (x * x - 1) ** 2), 1), rtol=1e-5)


def test_published_numbers():
    """Funnel: v has sd 3. Eight Gaussians of variance 1/8 at radius 2√2: E log p = -2.829 (flow spec, I-10, I-21)."""
    v = np.asarray(funnel().sample(jax.random.key(0), NUM)[:, 0])
    assert abs(v.std() - 3.0) < 4.5 * 3.0 / np.sqrt(2 * NUM)
    modes = eight_gaussians(radius=2.0 * np.sqrt(2.0), sd=np.sqrt(0.125))
    log_p = -np.asarray(modes.energy(modes.sample(jax.random.key(1), 200_000)))
    assert abs(log_p.mean() + 2.829) < 0.002 + 4.5 * log_p.std() / np.sqrt(200_000)


def test_mixture_weights_and_log_z():
    far = mixture([[-5.0], [5.0]], [0.5, 2.0], [1.0, 3.0])
    x = np.asarray(far.sample(jax.random.key(0), NUM))[:, 0]
    assert abs(np.mean(x > 0) - 0.75) < 4.5 * np.sqrt(0.75 * 0.25 / NUM) + 0.01  # 0.6 % of the wide one crosses 0
    np.testing.assert_allclose(x[x < -3.5].std(), 0.5, rtol=0.1)
    np.testing.assert_allclose(x[x > 4.0].max(), 5.0 + 2.0 * 4.0, rtol=0.15)
    # Scalar sd and default weights; one component is a Gaussian.
    one = mixture([[1.0, 2.0]], 0.5)
    np.testing.assert_allclose(one.energy(jnp.array([[1.0, 2.0]])), np.log(2 * np.pi * 0.25), rtol=1e-6)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: gaussian([0.0, 0.0], [[1.0]]), r"shape \(2, 2\), got shape \(1, 1\)"),
        (lambda: gaussian([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: mixture([[0.0], [1.0]], 1.0, [1.0]), "needs 2 positive weights"),
        (lambda: mixture([[0.0], [1.0]], [1.0, 0.0]), "positive weights and sds"),
        (lambda: rings((0.0, 1.0)), "positive radii"),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
