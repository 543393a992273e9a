"""The contract of every analytic target: samples, energy, log Z and transport describe one and the same law."""

import functools
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
    many_well,
    mixture,
    phi_four,
    rings,
    standard_gaussian,
)
from ebmjax.pytree import value_and_grad_rows

NUM = 20_000
ROWS = 64
VARIANTS = {
    "plane": partial(standard_gaussian, 2),
    "mild_funnel": partial(funnel, 4, 0.5),
    "planar_funnel": partial(funnel, 2, 0.5),
    "mild_banana": partial(banana, 2, 1.2, 0.3),
    "wide_rings": partial(rings, (0.5, 1.0), 0.4),  # mass at the origin: log Z is not 0
    "flat_double_well": partial(double_well, 2, 0.1),
    "one_pair_of_wells": partial(many_well, 2),
    "free_field": partial(phi_four, (2, 3), 0.5, 0.0),
    "free_pair": partial(phi_four, (2,), 0.5, 0.0),
}
EXACT = [name for name in TARGETS | VARIANTS if name in VARIANTS or TARGETS[name]().sample]
# Two dimensions and a box [low, high]² that holds all but 1e-9 of the mass: for quadrature.
BOXES = {
    "plane": (-8, 8),
    "gaussian": (-12, 12),
    "mixture": (-10, 10),
    "eight_gaussians": (-2.5, 2.5),
    "rings": (-5.5, 5.5),
    "wide_rings": (-5, 5),
    "planar_funnel": (-30, 30),
    "mild_banana": (-25, 25),
    "double_well": (-3, 3),
    "flat_double_well": (-7, 7),
    "one_pair_of_wells": (-7, 7),
    "free_pair": (-9, 9),
}


@functools.cache
def oracle(name):
    """Target, its compiled sampler of NUM rows and 20,000 draws: compiling random numbers is what takes time here."""
    target = (TARGETS | VARIANTS)[name]()
    normal = lambda rng_key, num: jax.random.normal(rng_key, (num, target.dim))  # stands in where there are no draws
    sample = jax.jit(lambda rng_key: (target.sample or normal)(rng_key, NUM))
    return target, sample, sample(jax.random.key(0))


@functools.cache
def evaluator(name):
    return jax.jit(partial(value_and_grad_rows, oracle(name)[0].energy))


def each_target(test):
    return pytest.mark.parametrize("name", TARGETS)(test)


@each_target
def test_shapes_and_names(name):
    target, sample, x = oracle(name)
    energy, _ = evaluator(name)(x[:ROWS])
    assert x.shape == (NUM, target.dim) and energy.shape == (ROWS,)
    assert x.dtype == energy.dtype == jnp.float32
    assert isinstance(target.log_z, float) and isinstance(target.name, str)
    assert np.isnan(target.log_z) == (target.sample is None)
    assert np.all(np.isfinite(energy))
    assert np.array_equal(x, sample(jax.random.key(0)))
    assert not np.any(np.all(np.asarray(x) == np.asarray(sample(jax.random.key(1))), axis=1))


@each_target
def test_rows_are_independent(name):
    """Other rows may hold anything, even NaN, without a bit of row 1 changing, in value or gradient."""
    evaluate, x = evaluator(name), oracle(name)[2][:ROWS]
    energy, grad = evaluate(x)
    for filler in (3.0, jnp.nan):
        other_energy, other_grad = evaluate(jnp.full_like(x, filler).at[1].set(x[1]))
        assert energy[1] == other_energy[1]
        np.testing.assert_array_equal(grad[1], other_grad[1])


@each_target
def test_finite_far_away_and_at_the_origin(name):
    x = 1e3 * np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (ROWS, oracle(name)[0].dim)).astype(np.float32)
    x[:3] = [[0.0], [1e3], [-1e3]]
    energy, grad = evaluator(name)(x)
    assert np.all(np.isfinite(energy)) and np.all(np.isfinite(grad))


# Of the funnel at its default scale and of the centred eight schools the squares have no variance worth estimating.
BY_PARTS = [*({*EXACT} & {*TARGETS} - {"funnel", "eight_schools_centred"}), "mild_funnel", "free_field"]


@pytest.mark.parametrize("name", sorted(BY_PARTS))
def test_samples_satisfy_integration_by_parts(name):
    """E<x, ∇U> = dim and E||∇U||² = E[ΔU] under exp(-U); 4.5 standard errors."""
    target, _, x = oracle(name)
    grad_fn = jax.grad(lambda row: target.energy(row[None])[0])

    def terms(row):
        grad, hessian = grad_fn(row), jax.jacfwd(grad_fn)(row)
        return jnp.dot(row, grad) - target.dim, jnp.dot(grad, grad) - jnp.trace(hessian)

    for values in jax.jit(lambda x: jax.lax.map(terms, x, batch_size=2000))(x):
        assert abs(np.mean(values)) < 4.5 * np.std(values) / np.sqrt(NUM) + 1e-4 * target.dim


@pytest.mark.parametrize("name", BOXES)
def test_log_z_and_moments_by_quadrature(name):
    (low, high), (target, _, x) = BOXES[name], oracle(name)
    axis = np.linspace(low, high, 601)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    energy = np.asarray(jax.jit(target.energy)(jnp.asarray(grid, jnp.float32)), np.float64)
    weights = np.exp(-energy) * (axis[1] - axis[0]) ** 2
    # The trapezoid rule converges faster than any power here (rings: 1e-5 at the kink); energies are float32.
    np.testing.assert_allclose(np.log(weights.sum()), target.log_z, atol=3e-5)

    def statistics(x, energy):
        a, b = np.asarray(x, np.float64).T
        return np.stack([a, b, a**2, b**2, a * b, a**2 * b, np.asarray(energy), np.cos(3 * a), np.exp(-(b**2))])

    expected = statistics(grid, energy) @ (weights / weights.sum())
    draws = statistics(x, target.energy(x))
    error = np.abs(draws.mean(1) - expected) / (draws.std(1) / np.sqrt(NUM))
    assert np.all(error < 4.5), error  # in standard errors


@pytest.mark.parametrize("name", [n for n in EXACT if n in TARGETS and TARGETS[n]().transport] + ["free_field"])
def test_transport_jacobian_and_law(name):
    target = oracle(name)[0]
    z = jnp.asarray(np.random.default_rng(0).normal(size=(NUM, target.dim)), jnp.float32)
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
    x = jnp.asarray(np.random.default_rng(0).normal(scale=2.0, size=(50, 100)), jnp.float32)
    np.testing.assert_allclose(TARGETS["gauss100"]().energy(x), 0.5 * jnp.sum(x * x, 1), rtol=1e-6)
    x = x[:, :10]
    v, rest = x[:, 0], jnp.sum(x[:, 1:] ** 2, 1)
    expected = v * v / 18 + 0.5 * rest * jnp.exp(-v) + 0.5 * 9 * v
    np.testing.assert_allclose(TARGETS["funnel"]().energy(x), expected, rtol=1e-5, atol=1e-5)
    x = x[:, :2]
    np.testing.assert_allclose(TARGETS["double_well"]().energy(x), jnp.sum((2 * (x * x - 1) ** 2), 1), rtol=1e-5)


def test_published_numbers():
    """Funnel: v has sd 3. Eight Gaussians of variance 1/8 at radius 2√2: E log p = -2.829."""
    v = np.asarray(oracle("funnel")[2][:, 0])
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
