"""Contracts of every flow, over a table of constructors: adding a line enrols a flow.

Everything is compared with an independent computation: decoding with encoding, log-determinants with those of the
Jacobian that automatic differentiation finds, densities with their integral.
"""

from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.flows import (
    FLOWS,
    additive_coupling,
    affine_coupling,
    autoregressive,
    diagonal_affine,
    glow,
    nice,
    spline_coupling,
    triangular_affine,
)

KEY = jax.random.key(0)
ROWS = 6
# What is compiled here runs for milliseconds.
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})

TABLE = {
    "affine_coupling": partial(affine_coupling, 3, num_layers=3, width=8),
    "additive_coupling": partial(additive_coupling, 2, num_layers=3, width=8),
    "nice": partial(nice, 5, num_layers=2, widths=(8,)),
    "spline_coupling": partial(spline_coupling, 3, num_layers=2, width=8, num_bins=4),
    "iaf": partial(autoregressive, 4, num_layers=2, hidden=(8,)),
    "maf": partial(autoregressive, 3, direction="masked", num_layers=2, hidden=(8, 8), scale="softplus"),
    "one_coordinate": partial(autoregressive, 1, hidden=(4,)),
    "diagonal_affine": partial(diagonal_affine, 3),
    "triangular_affine": partial(triangular_affine, 3),
    # The plain form of the convolutions compiles in half the time.
    "glow": partial(glow, (4, 4, 3), num_levels=2, num_steps=2, width=4, form="plain"),
    "additive_glow": partial(glow, (2, 4, 1), num_levels=1, num_steps=1, width=4, coupling_type="additive"),
}
PLANE = {
    "affine_coupling": partial(affine_coupling, 2, num_layers=2, width=8),
    "spline_coupling": partial(spline_coupling, 2, num_layers=2, width=8, num_bins=4),
    "maf": partial(autoregressive, 2, direction="masked", hidden=(8,)),
}


class Round(NamedTuple):
    """A trip x -> z -> x, with log|det| of both ways and of the Jacobian of two rows."""

    z: jax.Array
    x_again: jax.Array
    encode_log_det: jax.Array
    decode_log_det: jax.Array
    jacobian_log_det: jax.Array


def perturb(params, seed, sd=0.05):
    """Every number moved by N(0, sd²), drawn by numpy: JAX would compile a generator for each shape."""
    draw = np.random.RandomState(seed).standard_normal
    return jax.tree.map(lambda a: (a + sd * draw(a.shape)).astype(a.dtype), jax.tree.map(np.asarray, params))


@cache
def compiled(name):
    """(flow, its jitted init, a jitted (params, x) -> Round): once for all tests of a flow."""
    flow = TABLE[name]()

    def trip(params, x):
        z, encode_log_det = flow.encode(params, x)
        x_again, decode_log_det = flow.decode(params, z)
        flat = lambda x: flow.encode(params, x.reshape(1, *flow.shape))[0][0]
        jacobian = jax.vmap(jax.jacfwd(flat))(x[:2].reshape(2, -1))
        return Round(z, x_again, encode_log_det, decode_log_det, jnp.linalg.slogdet(jacobian)[1])

    return flow, jit(flow.init), jit(trip)


def data(flow, seed=1):
    return 0.2 + 0.5 * jax.random.normal(jax.random.key(seed), (ROWS, *flow.shape))


def start_in_float64(name):
    flow, init, _ = compiled(name)
    return jax.tree.map(partial(np.asarray, dtype=np.float64), init(KEY, data(flow)))


def test_the_table_has_every_flow():
    assert {build.func for build in TABLE.values()} == set(FLOWS.values())


@pytest.mark.parametrize("name", TABLE)
def test_inverse_and_log_determinant(name):
    """In float64, to 1e-10 and 1e-9: at the start, and for 20 parameters some way from it."""
    with jax.enable_x64(True):
        flow, _, trip = compiled(name)
        x, start = data(flow), start_in_float64(name)
        for seed in range(21):
            found = trip(perturb(start, seed) if seed else start, x)
            np.testing.assert_allclose(found.x_again, x, atol=1e-10)
            assert found.z.shape == (ROWS, flow.dim) == (ROWS, np.prod(flow.shape))
            assert found.encode_log_det.shape == found.decode_log_det.shape == (ROWS,)
            np.testing.assert_allclose(found.encode_log_det, -found.decode_log_det, atol=1e-9)
            np.testing.assert_allclose(found.encode_log_det[:2], found.jacobian_log_det, atol=1e-8)


@pytest.mark.parametrize("name", TABLE)
def test_rows_are_independent(name):
    """Other rows, even infinite ones, change nothing in this one, in either direction."""
    with jax.enable_x64(True):
        flow, _, trip = compiled(name)
        x, params = data(flow), perturb(start_in_float64(name), 1)
        whole = trip(params, x)
        other = trip(params, data(flow, seed=2).at[1].set(x[1]).at[0].set(jnp.inf))
        for a, b in zip(whole[:4], other[:4]):
            np.testing.assert_allclose(a[1], b[1], atol=1e-10)
        assert np.max(np.abs(whole.z[2] - other.z[2])) > 1e-3


@pytest.mark.parametrize("name", PLANE)
def test_the_density_integrates_to_one_and_the_samples_are_its(name):
    """On 400² cells of [-8, 8]², to 1e-4; four shares of 40,000 samples within 4 standard errors of their integrals."""
    flow, num = PLANE[name](), 40_000
    params = perturb(jit(flow.init)(KEY, jax.random.normal(KEY, (256, 2))), 4, sd=0.1)
    axis = (jnp.arange(400) + 0.5) / 25.0 - 8.0
    x = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    mass = np.exp(jit(flow.log_prob)(params, x), dtype=np.float64) * (16 / 400) ** 2
    assert abs(mass.sum() - 1.0) < 1e-4
    sampled = jit(flow.sample, static_argnums=2)(params, KEY, num)
    for region in (lambda x: x[:, 0] > 0, lambda x: x[:, 1] > 1, lambda x: x[:, 0] > x[:, 1], lambda x: x.min(1) > 0):
        share = mass[np.asarray(region(x))].sum()
        assert abs(np.mean(region(sampled)) - share) < 4 * np.sqrt(share * (1 - share) / num) + 1e-4


@pytest.mark.parametrize(
    "name", ["affine_coupling", "iaf", pytest.param("glow", marks=pytest.mark.slow)]
)  # half a minute
def test_the_density_against_a_gaussian_s_and_the_noise_of_samples(name):
    """q / p averages to 1 over a wide Gaussian p; encoded samples have mean 0, variance 1, within 5 standard errors."""
    num, flow = 4000, TABLE[name]()
    start = compiled(name)[1](KEY, data(flow))
    params = perturb(start, 2, sd=0.05)
    x = jit(flow.sample, static_argnums=2)(params, KEY, num)
    z = np.asarray(jit(flow.encode)(params, x)[0], float)
    assert np.max(np.abs(z.mean(0))) < 5 / np.sqrt(num) and np.max(np.abs(z.var(0) - 1)) < 5 * np.sqrt(2 / num)
    if flow.dim > 4:  # weights of 48 dimensions are of no use
        return
    mean, scale = x.mean(0), 1.5 * x.std(0)
    wide = mean + scale * jax.random.normal(jax.random.key(1), (10_000, flow.dim))
    log_wide = -0.5 * jnp.sum(((wide - mean) / scale) ** 2 + jnp.log(2 * jnp.pi * scale**2), axis=1)
    weights = np.exp(jit(flow.log_prob)(params, wide) - log_wide, dtype=float)
    assert abs(weights.mean() - 1) < 4 * weights.std() / 100 < 0.2


def test_far_from_a_spline_nothing_breaks():
    """Log-density and gradient are finite at 1e4 standard deviations, where the spline's formula would be 0 / 0."""
    flow = PLANE["spline_coupling"]()
    params = perturb(jit(flow.init)(KEY, jax.random.normal(KEY, (256, 2))), 4, sd=0.1)
    x = jnp.array([[1e4, -1e4], [0.0, 0.0], [4.0, -4.0], [1e4, 0.3]])
    total = jit(jax.value_and_grad(lambda params, x: jnp.sum(flow.log_prob(params, x)), argnums=(0, 1)))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(total(params, x)))
