"""Distributions that a flow represents exactly, and chains in its latent space."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from ebmjax import pytree
from ebmjax.energies import bind, funnel, pullback, standard_normal, tilt
from ebmjax.flows import (
    affine_coupling,
    autoregressive,
    diagonal_affine,
    latent_log_prob,
    spline_coupling,
    triangular_affine,
)
from ebmjax.mcmc import hmc, in_data_space, independence_mh, neural_transport, run_chain

KEY = jax.random.key(0)
jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
MEAN, COVARIANCE = np.array([1.0, -2.0, 0.5]), np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])


def test_affine_flows_are_gaussians():
    x = np.random.RandomState(0).randn(20, 3).astype(np.float32)
    factor = np.linalg.cholesky(COVARIANCE)
    full = {"shift": MEAN, "log_scale": np.log(np.diag(factor)), "lower": factor}
    diagonal = {"shift": MEAN, "log_scale": 0.5 * np.log(np.diag(COVARIANCE))}
    cases = [(triangular_affine, full, COVARIANCE), (diagonal_affine, diagonal, np.diag(np.diag(COVARIANCE)))]
    for build, params, covariance in cases:
        params = jax.tree.map(partial(jnp.asarray, dtype=jnp.float32), params)
        expected = multivariate_normal(MEAN, covariance).logpdf(x)
        np.testing.assert_allclose(build(3).log_prob(params, x), expected, rtol=1e-4)
        drawn = build(3).sample(params, KEY, 20_000, temperature=0.5)
        np.testing.assert_allclose(np.cov(drawn.T), covariance / 4, atol=0.03)  # sd of a variance of 0.5: 0.005


def test_log_prob_and_energy_of_samples():
    flow = triangular_affine(3)
    params = {"shift": jnp.ones(3), "log_scale": jnp.array([0.1, -0.2, 0.3]), "lower": jnp.full((3, 3), 0.4)}
    x, log_q = flow.sample_and_log_prob(params, KEY, 16)
    np.testing.assert_allclose(x, flow.sample(params, KEY, 16), rtol=1e-6)
    np.testing.assert_allclose(log_q, flow.log_prob(params, x), atol=1e-4)
    np.testing.assert_allclose(flow.energy(params, x), -log_q, atol=1e-4)


@pytest.mark.parametrize("direction", ["inverse", "masked"])
def test_one_autoregressive_layer_is_the_funnel(direction):
    """v = 3 z_0, x_i = e^(v/2) z_i: the output is linear in a hidden unit that ELU leaves as it is.

    masked: z_0 = v / 3, z_i = e^(-v/2) x_i.
    """
    with jax.enable_x64(True):
        target, flow = funnel(4), autoregressive(4, direction=direction, hidden=(3,))
        slope, log_scale = (1.5, np.log(3.0)) if direction == "inverse" else (-0.5, -np.log(3.0))
        rest = slice(5, 8)  # outputs: four shifts, four log-scales
        kernel = jnp.zeros((1, 3, 8)).at[:, 0, rest].set(slope)
        layers = {
            "MaskedDense_0": {"kernel": jnp.zeros((1, 4, 3)).at[:, 0, 0].set(1.0), "bias": jnp.full((1, 3), 30.0)},
            "MaskedDense_1": {
                "kernel": kernel,
                "bias": jnp.zeros((1, 8)).at[:, rest].set(-30.0 * slope).at[:, 4].set(log_scale),
            },
        }
        params = jit(flow.init)(KEY, jnp.zeros((2, 4)))
        params["stages"]["stage"] = layers
        z = jax.random.normal(KEY, (50, 4))
        for found, expected in zip(jit(flow.decode)(params, z), target.transport(z)):
            np.testing.assert_allclose(found, expected, atol=1e-10)
        x = target.sample(KEY, 50)
        np.testing.assert_allclose(jit(flow.log_prob)(params, x), -target.energy(x) - target.log_z, atol=1e-9)


def test_tilting_a_flow_needs_no_log_determinant_in_its_latent_space():
    """e(g(z)) + ||z||² / 2 = e(x) - log q(x) - log|det ∂g/∂z| at x = g(z), and their gradients, to 1e-8 in float64."""
    flow, tilt_energy = affine_coupling(2, num_layers=2, width=8), lambda x: jnp.sin(3 * x[:, 0]) + 0.1 * x[:, 1] ** 4
    draw = np.random.RandomState(0).standard_normal
    with jax.enable_x64(True):
        start = jit(flow.init)(KEY, draw((64, 2)))
        params = jax.tree.map(lambda a: np.asarray(a, float) + 0.1 * draw(a.shape), start)
        whole = pullback(tilt(bind(flow.energy, params), tilt_energy), bind(flow.decode, params))
        cancelled = tilt(lambda z: -latent_log_prob(z), lambda z: tilt_energy(flow.decode(params, z)[0]))
        both = jit(lambda z: [pytree.value_and_grad_rows(potential, z) for potential in (whole, cancelled)])
        for a, b in zip(*both(draw((20, 2)))):
            np.testing.assert_allclose(a, b, atol=1e-8)


def test_a_flow_fits_the_kernels_as_it_is():
    """With no tilt, chains in the latent space are those of N(0, I), and the flow's own proposals are all accepted."""
    flow = triangular_affine(2)
    params = {"shift": jnp.ones(2), "log_scale": jnp.array([1.0, -2.0]), "lower": jnp.full((2, 2), 0.5)}
    potential, transport = bind(flow.energy, params), bind(flow.decode, params)
    make_kernel = partial(hmc, step_size=0.5, num_leapfrog=3)
    latent = neural_transport(potential, transport=transport, make_kernel=make_kernel)
    own = independence_mh(potential, sample=partial(flow.sample, params), log_prob=partial(flow.log_prob, params))

    @jit
    def run(z):
        state, _, x = run_chain(latent, KEY, z, 3, collect=in_data_space(transport))
        plain, _, _ = run_chain(make_kernel(standard_normal), KEY, z, 3)
        _, info, _ = run_chain(own, KEY, x[-1], 3)
        return state.position, plain.position, x[-1], transport(plain.position)[0], info.acceptance_rate

    position, plain, x, x_plain, rate = run(np.random.RandomState(0).standard_normal((32, 2)).astype(np.float32))
    np.testing.assert_allclose(position, plain, atol=1e-4)
    np.testing.assert_allclose(x, x_plain, atol=1e-4)
    np.testing.assert_allclose(rate, 1.0, atol=1e-4)


def test_a_narrow_autoregressive_layer_sees_all_coordinates():
    """Fewer hidden units than coordinates: every x_j but the last moves some output, and only later ones."""
    flow = autoregressive(9, hidden=(4, 4), direction="masked")
    draw = np.random.RandomState(0).standard_normal
    params = jax.tree.map(lambda a: a + 0.5 * draw(a.shape), jit(flow.init)(KEY, jnp.zeros((2, 9))))
    encode = lambda x: flow.encode(params, x[None])[0][0]
    jacobian = np.asarray(jit(jax.jacfwd(encode))(jnp.asarray(draw(9), jnp.float32)))
    assert np.allclose(np.triu(jacobian, 1), 0) or np.allclose(np.tril(jacobian, -1), 0)
    below = np.abs(jacobian - np.diag(np.diag(jacobian)))
    assert np.sum(below.max(axis=0) > 1e-8) == 8  # all but the last


def test_bad_options_are_refused():
    for build, message in [
        (partial(autoregressive, 2, direction="forward"), "'inverse' .IAF. or 'masked' .MAF."),
        (partial(autoregressive, 2, scale="tanh"), "exp, softplus"),
        (partial(spline_coupling, 2, num_bins=0), "num_bins ≥ 1"),
        (partial(affine_coupling, 1), "at least 2 coordinates"),
    ]:
        with pytest.raises(ValueError, match=message):
            build()
    with pytest.raises(ValueError, match=r"examples of shape \(3,\), got \(4,\)"):
        diagonal_affine(3).init(KEY, jnp.zeros((2, 4)))
