"""Langevin dynamics against closed forms that no other step, noise or temperature convention passes.

On a quadratic energy a chain is linear in its start and its noise, so its law is exact: feed the noise one basis vector
at a time and add up (`law`, float64, no Monte Carlo). A few tests then check that drawn noise is what was fed.
"""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax import pytree
from ebmjax.energies import double_well, gaussian_nll, mixture, posterior, standard_normal, temper
from ebmjax.mcmc import langevin, run_chain


def quadratic(precision):
    return lambda x: 0.5 * precision * pytree.square_norm_rows(x)


def drive(kernel, position, noise):
    """Positions `[K + 1, B, d]` of the chain that gets noise `[K, B, d]` instead of drawing it."""

    def one_step(state, eps):
        with mock.patch.object(pytree, "normal_like", lambda rng_key, tree: eps):
            state, _ = kernel.step(jax.random.key(0), state)
        return state, state.position

    _, trace = jax.lax.scan(one_step, kernel.init(position), noise)
    return np.concatenate([np.asarray(position)[None], np.asarray(trace)])


def law(make_kernel, num_steps, mean=(0.0,), variance=1.0):
    """Means `[K + 1, d]` and cov(t, u) -> `[d, d]` of x_0, ..., x_K for linear drift and x_0 ~ N(mean, variance I)."""
    dim = len(mean)
    num_rows = 1 + dim + num_steps * dim  # no noise at all, the start's deviations, the noise of each step
    position, noise = np.tile(np.asarray(mean, float), (num_rows, 1)), np.zeros((num_steps, num_rows, dim))
    for i in range(dim):
        position[1 + i, i] += np.sqrt(variance)
        noise[np.arange(num_steps), 1 + dim + dim * np.arange(num_steps) + i, i] = 1.0
    with jax.enable_x64(True):
        trace = drive(make_kernel(), jnp.asarray(position), jnp.asarray(noise))
    means, responses = trace[:, 0], trace[:, 1:] - trace[:, :1]
    return means, lambda t, u: responses[t].T @ responses[u]


@pytest.mark.parametrize(
    "sigma, s, expected",
    [(1.0, 0.5, 1.0666667), (1.0, 1.0, 1.3333333), (1.0, 1.5, 2.2857143), (2.0, 1.0, 4.2666667), (1.0, 0.01, 1.000025)],
)
def test_stationary_variance_and_autocorrelation(sigma, s, expected):
    """σ² / (1 - s² / (4σ²)), and (1 - s² / (2σ²))^k at lag k. As s → 0 the bias vanishes."""
    variance = sigma**2 / (1 - s**2 / (4 * sigma**2))
    assert variance == pytest.approx(expected, abs=1e-7)
    kernel = lambda: langevin(quadratic(1 / sigma**2), step_size=s)
    _, cov = law(kernel, 4, variance=variance)
    np.testing.assert_allclose([cov(t, t).item() for t in range(5)], variance, rtol=1e-12)
    rate = 1 - s**2 / (2 * sigma**2)
    np.testing.assert_allclose([cov(1, 1 + k).item() / variance for k in range(4)], rate ** np.arange(4), rtol=1e-12)
    if s >= 0.5:  # and it is reached from far away
        _, cov = law(kernel, 400, variance=25.0)
        np.testing.assert_allclose(cov(400, 400), variance, rtol=1e-9)


def test_law_of_every_step():
    """Mean r^K μ_0 and variance r^2K v_0 + s² (1 - r^2K) / (1 - r²), r = 1 - s² / (2T) · precision."""
    s, precision, mean, variance, steps = 0.3, 2.5, 4.0, 0.2, np.arange(13)
    kernels = {
        "T = 1": (lambda: langevin(quadratic(precision), step_size=s), 1 - s**2 / 2 * precision),
        "T = 4": (lambda: langevin(quadratic(precision), step_size=s, temperature=4.0), 1 - s**2 / 8 * precision),
        # x' = x - ∇F + s ε, the convergent and short-run papers' recipe: T = s² / 2.
        "unit step": (lambda: langevin(quadratic(0.4), step_size=s, temperature=s**2 / 2), 1 - 0.4),
    }
    for name, (kernel, r) in kernels.items():
        means, cov = law(kernel, 12, (mean,), variance)
        np.testing.assert_allclose(means[:, 0], r**steps * mean, rtol=1e-12, err_msg=name)
        expected = r ** (2 * steps) * variance + s**2 * (1 - r ** (2 * steps)) / (1 - r**2)
        np.testing.assert_allclose([cov(t, t).item() for t in steps], expected, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("s, num_steps, expected", [(0.4, 60, 1.0416648), (0.4, 20, 1.0401831), (0.1, 20, 1.0004553)])
def test_short_run_prior_without_energy(s, num_steps, expected):
    """The prior chain of a latent EBM whose energy is 0 starts at N(0, I) and ends at N(0, expected · I)."""
    _, cov = law(lambda: langevin(standard_normal, step_size=s), num_steps, (0.0, 0.0))
    np.testing.assert_allclose(cov(num_steps, num_steps), expected * np.eye(2), atol=5e-8)
    _, cov = law(lambda: langevin(standard_normal, step_size=s, noise_scale=0.0), num_steps)
    np.testing.assert_allclose(cov(num_steps, num_steps), (1 - s**2 / 2) ** (2 * num_steps), rtol=1e-12)


def linear_gaussian(x64=False):
    """x = W z + b + σ e: potential of z given one x for B rows, Λ = I + WᵀW / σ², μ = Λ⁻¹ Wᵀ (x - b) / σ²."""
    dtype = np.float64 if x64 else np.float32
    rng, sigma = np.random.default_rng(0), 0.7
    weight, bias, x = rng.normal(size=(4, 3)), rng.normal(size=4), 2.0 * rng.normal(size=4)
    precision = np.eye(3) + weight.T @ weight / sigma**2
    decode = lambda z: z @ weight.T.astype(dtype) + bias.astype(dtype)

    def potential(z):
        rows = jnp.broadcast_to(x.astype(dtype), (z.shape[0], 4))
        return posterior(standard_normal, gaussian_nll(decode, rows, sigma))(z)

    return potential, precision, np.linalg.solve(precision, weight.T @ (x - bias) / sigma**2)


def posterior_law(precision, mean, s, num_steps):
    """m_K = (I - A^K) μ and C_K = A^2K + s² Σ_j A^2j with A = I - s² Λ / 2, from z_0 ~ N(0, I)."""
    a = np.eye(3) - s**2 / 2 * precision
    power = lambda k: np.linalg.matrix_power(a, k)
    covariance = power(2 * num_steps) + s**2 * sum(power(2 * j) for j in range(num_steps))
    return (np.eye(3) - power(num_steps)) @ mean, covariance


def test_short_run_posterior_of_a_linear_gaussian():
    potential, precision, mean = linear_gaussian(x64=True)
    for s, num_steps in [(0.1, 20), (0.3, 5), (0.2, 200)]:
        means, cov = law(lambda: langevin(potential, step_size=s), num_steps, (0.0, 0.0, 0.0))
        expected_mean, expected = posterior_law(precision, mean, s, num_steps)
        np.testing.assert_allclose(means[-1], expected_mean, rtol=1e-9)
        np.testing.assert_allclose(cov(num_steps, num_steps), expected, rtol=1e-9, atol=1e-12)
    # The long chain's limit is Λ⁻¹ (I - s² Λ / 4)⁻¹: the posterior covariance up to the step's bias.
    limit = np.linalg.inv(precision @ (np.eye(3) - s**2 / 4 * precision))
    np.testing.assert_allclose(expected, limit, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_drawn_noise_gives_the_same_law():
    """The same posterior with 40,000 chains: everything within 4.5 standard errors."""
    potential, precision, mean = linear_gaussian()
    num, s, num_steps = 40_000, 0.2, 15
    start = jax.random.normal(jax.random.key(0), (num, 3))
    state, _, _ = run_chain(langevin(potential, step_size=s), jax.random.key(1), start, num_steps)
    expected_mean, expected = posterior_law(precision, mean, s, num_steps)
    sd = np.sqrt(np.diag(expected))
    z = np.asarray(state.position, np.float64)
    assert np.all(np.abs(z.mean(0) - expected_mean) < 4.5 * sd / np.sqrt(num))
    # Var of an entry of a sample covariance: (c_ij² + c_ii c_jj) / n.
    error = np.sqrt((expected**2 + np.outer(sd**2, sd**2)) / num)
    assert np.all(np.abs(np.cov(z.T) - expected) < 4.5 * error)


def test_diverges_from_s_squared_lambda_four_on():
    """|1 - s² λ / 2| < 1 iff s² λ < 4; at 4 the noise adds up, v_K = v_0 + K s²."""
    precision, num_steps = 5.0, 60
    run = lambda s2, noise: law(lambda: langevin(quadratic(precision), step_size=s2**0.5, noise_scale=noise), num_steps)
    size = {c: np.sqrt(run(c / precision, 0.0)[1](num_steps, num_steps).item()) for c in (3.9, 4.0, 4.1)}
    assert size[3.9] < 0.06 and size[4.0] == pytest.approx(1.0, abs=1e-9) and size[4.1] > 18.0
    variance = run(4.0 / precision, 1.0)[1](num_steps, num_steps)
    np.testing.assert_allclose(variance, 1.0 + num_steps * 4.0 / precision, rtol=1e-9)


def drawn(shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def test_recipes_of_papers_are_one_step():
    """x' = x - a ∇E + b ε is s = b, T = b² / (2a); ULA on E / T at T = 1; η-form z - η ∇U + √(2η) ε."""
    energy, x, eps = double_well().energy, drawn((32, 2)), 1.0 - drawn((32, 2))
    grad = jax.grad(lambda x: jnp.sum(energy(x)))(x)
    step = lambda potential, **options: drive(langevin(potential, **options), x, eps[None])[1]
    a, b, eta = 1e-2, 0.05, 0.02
    temperature = b**2 / (2 * a)
    np.testing.assert_allclose(step(energy, step_size=b, temperature=temperature), x - a * grad + b * eps, atol=1e-6)
    tempered = step(temper(energy, temperature), step_size=b)
    np.testing.assert_allclose(tempered, x - a * grad + b * eps, atol=1e-6)
    expected = x - eta * grad + np.sqrt(2 * eta) * eps
    np.testing.assert_allclose(step(energy, step_size=np.sqrt(2 * eta)), expected, atol=1e-6)
    short_run = step(lambda x: 1e-2 * energy(x), step_size=0.01, temperature=5e-5)  # a = 1, b = 0.01
    np.testing.assert_allclose(short_run, x - 1e-2 * grad + 0.01 * eps, atol=1e-6)


def test_scaled_energy_and_temperature_cancel_bit_for_bit():
    """F = (s² / 2) U at T = s² / 2 is U at T = 1; s a power of two, so that scaling does not round."""
    s, energy, start, noise = 0.125, double_well().energy, drawn((64, 2)), drawn((100, 64, 2))
    scaled = langevin(lambda x: s**2 / 2 * energy(x), step_size=s, temperature=s**2 / 2)
    plain = langevin(energy, step_size=s)
    np.testing.assert_array_equal(drive(scaled, start, noise), drive(plain, start, noise))


@pytest.mark.slow
def test_stationary_balance_of_a_mixture():
    """E||∇F||² + N s² = 2 E<x, ∇F> for F = (s² / 2) U, whatever U: E<x, ∇U> - (s² / 4) E||∇U||² = N."""
    target, s, num = mixture([[-1.5, 0.0], [1.5, 0.5]], [1.0, 0.8]), 0.6, 40_000
    start = target.sample(jax.random.key(0), num)  # near the law of the chain, which forgets it in 60 steps
    state, _, _ = run_chain(langevin(target.energy, step_size=s), jax.random.key(1), start, 60)
    virial = jnp.sum(state.position * state.grad, axis=1)
    correction = s**2 / 4 * pytree.square_norm_rows(state.grad)
    error = np.std(virial - correction) / np.sqrt(num)
    assert abs(np.mean(virial - correction) - 2.0) < 4.5 * error
    assert np.mean(correction) > 10 * error  # without the correction the test would fail


@pytest.mark.parametrize("mean, step_size, num_steps", [(0.0, 0.05, 2000), (3.0, 0.1, 600)])
def test_bfloat16_starts_have_the_variance_of_float32(mean, step_size, num_steps):
    """1 / (1 - s² / 4), within 4 standard errors √(2 / N) of a variance; steps in bfloat16 gave 5.9 and 2.1."""
    start = (mean + jax.random.normal(jax.random.key(1), (4_000, 1))).astype(jnp.bfloat16)
    kernel = langevin(lambda x: 0.5 * jnp.sum((x - mean) ** 2, axis=1), step_size=step_size)
    x = jax.jit(lambda x: run_chain(kernel, jax.random.key(2), x, num_steps)[0].position)(start)
    assert abs(jnp.var(x) - 1.0 / (1.0 - step_size**2 / 4.0)) < 4 * np.sqrt(2 / 4_000)
    assert abs(jnp.mean(x) - mean) < 4 / np.sqrt(4_000) + 0.02  # the start's mean, rounded to 2^-7, decays


def test_energies_of_half_precision_are_kept_in_float32():
    """A difference of such energies is then exact, and their mean does not overflow."""
    coarse = lambda x: (100.0 * jnp.sum(x**2, axis=1)).astype(jnp.float16)
    state, info, _ = run_chain(langevin(coarse, step_size=0.1), jax.random.key(0), 10.0 * jnp.ones((4, 2)), 5)
    assert state.energy.dtype == info.energy.dtype == jnp.float32
    assert np.all(np.isfinite(info.energy))
