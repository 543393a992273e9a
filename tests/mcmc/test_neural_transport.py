"""Neural transport: closed forms of pulled-back targets, and the funnel that data-space chains do not mix on."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.diagnostics import ess_bulk, rhat
from ebmjax.energies import funnel, pullback, standard_normal, tilt
from ebmjax.mcmc import adapt_step_size, hmc, in_data_space, mala, neural_transport, run_chain

KEY = jax.random.key(0)


def exponential(z):
    return jnp.exp(z), pytree.sum_rows(z)


def tilted_log_normal(a):
    """p(x) ∝ x^a q(x) with q = exp(N(0, 1)), up to constants: its logarithm is N(a, 1), its log Z is a² / 2."""
    return lambda x: (1.0 - a) * jnp.log(x[:, 0]) + 0.5 * jnp.log(x[:, 0]) ** 2


@pytest.mark.parametrize("make_kernel", [partial(hmc, step_size=0.5, num_leapfrog=4), partial(mala, step_size=0.9)])
def test_tilted_log_normal(make_kernel):
    """log x ~ N(0.7, 1), so E x = e^1.2: within 4 standard errors, from starts given in data space."""
    a, num = 0.7, 8192
    kernel = neural_transport(tilted_log_normal(a), transport=exponential, make_kernel=make_kernel, inverse=jnp.log)
    start = jnp.exp(jax.random.normal(KEY, (num, 1)))
    np.testing.assert_allclose(kernel.init(start).position, jnp.log(start), rtol=1e-5)
    run = jax.jit(lambda x: run_chain(kernel, jax.random.key(1), x, 60, collect=in_data_space(exponential)))
    state, info, x = run(start)
    z = np.asarray(state.position[:, 0], np.float64)
    assert abs(z.mean() - a) < 4 / np.sqrt(num) and abs(z.var() - 1.0) < 4 * np.sqrt(2 / num)
    np.testing.assert_allclose(x[-1], np.exp(state.position), rtol=1e-5)
    sd = np.sqrt(np.expm1(1.0)) * np.exp(a + 0.5)
    assert abs(np.mean(np.asarray(x[-1], np.float64)) - np.exp(a + 0.5)) < 4 * sd / np.sqrt(num)
    # What the state caches is latent: E(e^z) - z = z² / 2 - a z.
    np.testing.assert_allclose(state.energy, 0.5 * z**2 - a * z, atol=1e-4)
    np.testing.assert_allclose(state.grad[:, 0], z - a, atol=1e-4)
    np.testing.assert_array_equal(info.num_nonfinite, 0.0)


def test_log_z_by_the_latent_gaussian():
    """log Z = a² / 2: the average of exp(-(latent energy - z² / 2)) over z ~ N(0, 1), whose variance is e^(a²) - 1."""
    a, num = 0.7, 40_000
    z = jax.random.normal(KEY, (num, 1))
    log_weight = standard_normal(z) - pullback(tilted_log_normal(a), exponential)(z)
    weight = np.exp(np.asarray(log_weight, np.float64) - a**2 / 2)
    assert abs(weight.mean() - 1.0) < 4 * np.sqrt(np.expm1(a**2) / num)


def test_a_tilt_of_the_flow_needs_no_log_determinant():
    """E = e - log q pulled back is ||z||² / 2 + e(g(z)): the same chain."""
    target = funnel(4, 1.0)
    log_q = lambda x: -target.energy(x)
    tilt_energy = lambda x: jnp.sin(x[:, 0]) + 0.1 * x[:, 1] ** 2
    make_kernel = partial(hmc, step_size=0.3, num_leapfrog=3)
    z = jax.random.normal(KEY, (32, 4))
    run = lambda kernel: jax.jit(lambda z: run_chain(kernel, KEY, z, 10)[0])(z)
    whole = run(
        neural_transport(lambda x: tilt_energy(x) - log_q(x), transport=target.transport, make_kernel=make_kernel)
    )
    cancelled = run(make_kernel(tilt(standard_normal, lambda z: tilt_energy(target.transport(z)[0]))))
    np.testing.assert_allclose(whole.position, cancelled.position, atol=1e-3)
    np.testing.assert_allclose(whole.grad, cancelled.grad, atol=1e-3)


def test_with_the_exact_map_the_chain_is_that_of_a_standard_gaussian():
    """No tilt: acceptances and positions of HMC on N(0, I), whatever the map; adaptation works inside."""
    target, z = funnel(10), jax.random.normal(KEY, (64, 10))
    make_kernel = partial(adapt_step_size, make_kernel=partial(hmc, num_leapfrog=4), step_size=0.5, target=0.8)
    transported = neural_transport(target.energy, transport=target.transport, make_kernel=make_kernel)
    run = lambda kernel: jax.jit(lambda z: run_chain(kernel, KEY, z, 5)[:2])(z)
    (state, info), (plain, plain_info) = run(transported), run(make_kernel(standard_normal))
    np.testing.assert_allclose(info.acceptance_rate, plain_info.acceptance_rate, atol=1e-3)
    np.testing.assert_allclose(state.position, plain.position, atol=1e-3)


def half_funnel():
    """The funnel in x_0 = v / 2: x_0 ~ N(0, 1), x_i ~ N(0, e^(2 x_0)), as Hoffman et al. write it. Energy, map, sd."""
    target = funnel(10, 2.0)
    scale = lambda x, factor: jnp.concatenate([factor * x[:, :1], x[:, 1:]], axis=1)

    def transport(z):
        x, log_det = target.transport(z)
        return scale(x, 0.5), log_det - np.log(2.0)

    return lambda x: target.energy(scale(x, 2.0)), transport, 1.0


CONVERGENCE = jax.jit(lambda draws: (rhat(draws), ess_bulk(draws)))


@pytest.mark.parametrize("energy, transport, sd", [(funnel(10).energy, funnel(10).transport, 3.0), half_funnel()])
def test_the_funnel(energy, transport, sd):
    """R-hat of x_0: above 1.05 for data-space HMC, below 1.005 with the exact map.

    16 chains from N(0, I), 2,000 transitions, the second half. Over five other pairs of keys: 1.08 to 1.43 with 33 to
    136 effective draws of 16,000 in data space, at most 1.0007 with 13,500 or more through the map.
    """
    start = jax.random.normal(jax.random.key(1), (16, 10))
    latent_hmc = partial(hmc, step_size=0.3, num_leapfrog=5)
    latent = neural_transport(energy, transport=transport, make_kernel=latent_hmc)
    data_space = hmc(energy, step_size=0.3, num_leapfrog=10)

    def second_half(kernel, to_x):
        collect = lambda state, info: to_x(state)[:, 0]
        return jax.jit(lambda x: run_chain(kernel, KEY, x, 2000, collect=collect)[2][1000:])(start)

    ratio, size = CONVERGENCE(second_half(data_space, lambda state: state.position))
    assert ratio > 1.05 and size < 400  # so few that the standard deviation itself is ± 0.3: no bound on it
    v = second_half(latent, in_data_space(transport))
    ratio, size = CONVERGENCE(v)
    assert ratio < 1.005 and size > 10_000
    # 4 standard errors, those of a standard deviation being 1 / √(2 ESS) of it if v² mixes half as fast as v.
    assert abs(np.std(v) / sd - 1.0) < 4 / np.sqrt(10_000) and abs(np.mean(v)) < 4 * sd / np.sqrt(10_000)
