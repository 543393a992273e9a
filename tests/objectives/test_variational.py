"""Step sizes of short-run inference against closed forms in one dimension: posterior N(μ, 1 / λ), K Langevin steps.

Starts and noises are columns of a Hadamard matrix: signs of mean 0 and exact unit covariance, so that averages of
quadratics are exact. μ = ±√(1 - 1 / λ), its standard deviation over data from the model.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.scipy.special import digamma
from scipy.linalg import hadamard

from ebmjax.objectives import fixed_noise_divergence, gaussian_entropy, marginal_divergence

SIGNS = hadamard(32)[:, 1:]
PRECISIONS = {1: (2.0, 5.0), 5: (2.0, 5.0), 25: (5.0, 10.0, 101.0)}
# (noise, objective): {(λ, K): best s²}; without noise both objectives are the same.
NOISE_FREE = {(2, 1): 0.422650, (2, 5): 0.104042, (5, 1): 0.266667, (5, 5): 0.078903, (5, 25): 0.017197}
NOISE_FREE |= {(10, 25): 0.011438, (101, 25): 0.001993}
FIXED = {(2, 1): 0.232408, (2, 5): 0.063216, (5, 1): 0.242605, (5, 5): 0.073315, (5, 25): 0.016208}
FIXED |= {(10, 25): 0.011192, (101, 25): 0.001987}
MARGINAL = {(2, 1): 0.779010, (2, 5): 0.383224, (5, 1): 0.370474, (5, 5): 0.183219, (5, 25): 0.063236}
MARGINAL |= {(10, 25): 0.034102, (101, 25): 0.004095}
BEST = {(0, "fixed"): NOISE_FREE, (0, "marginal"): NOISE_FREE, (1, "fixed"): FIXED, (1, "marginal"): MARGINAL}
FIXED_VALUES = {(2, 1): 0.534128, (2, 5): 0.508234, (5, 1): 0.931245, (5, 5): 0.779550, (5, 25): 0.744066}
FIXED_VALUES |= {(10, 25): 0.807508, (101, 25): 0.867907}
MARGINAL_VALUES = {(2, 1): 0.100155, (2, 5): 0.016730, (5, 1): 0.135171, (5, 5): 0.023788, (5, 25): 0.002138}
MARGINAL_VALUES |= {(10, 25): 0.002471, (101, 25): 0.003604}


def both(log_s, precision, noise_scale, num_steps):
    """(fixed, marginal) divergence at the step sizes exp(log_s[0]), exp(log_s[1])."""
    mean = jnp.sqrt(1 - 1 / precision) * jnp.array([-1.0, 1.0])
    start = jnp.broadcast_to(jnp.asarray(SIGNS[:, :1], float), (32, 2))

    def run(s):
        z = start
        for k in range(num_steps):
            z += -(s**2) / 2 * precision * (z - mean) + noise_scale * s * SIGNS[:, 1 + k : 2 + k]
        return z, 0.5 * (precision * (z - mean) ** 2 - jnp.log(precision / (2 * jnp.pi)))

    _, energy = run(s := jnp.exp(log_s[0]))
    log_det = jnp.full(64, num_steps * jnp.log(jnp.abs(1 - s**2 * precision / 2)))
    log_prob_start = -0.5 * (start.ravel() ** 2 + jnp.log(2 * jnp.pi))
    z, energies = run(jnp.exp(log_s[1]))
    # Of signs, the sum of squares is exactly 32 times the variance; of a normal sample it is less on average.
    exact = 0.5 * (digamma(31 / 2) + jnp.log(2.0) - jnp.log(32.0))
    fixed = fixed_noise_divergence(energy.ravel(), log_prob_start, log_det)
    return jnp.stack([fixed, marginal_divergence(energies, z[:, :, None]) - exact])


@lru_cache
def searched(num_steps):
    """{(λ, noise): (best s² [2] of a grid, best s² [2] by gradient, values [2] there)}."""
    adam = optax.adam(optax.cosine_decay_schedule(0.05, 1000, alpha=1e-3), b2=0.9)

    def search(precision, noise_scale):
        objective = lambda log_s: both(log_s, precision, noise_scale, num_steps)
        # Short of s² λ = 2: without noise, a = 1 - s² λ / 2 of either sign does as well.
        grid = jnp.linspace(jnp.log(0.05), jnp.log(1.99), 3000) - jnp.log(precision)
        values = jax.lax.map(lambda log_s2: objective(jnp.full(2, log_s2 / 2)), grid)

        def step(carry, _):
            log_s, state = carry
            updates, state = adam.update(jax.jacfwd(lambda log_s: jnp.sum(objective(log_s)))(log_s), state)
            return (log_s + updates, state), None

        start = jnp.full(2, 0.5 * jnp.log(0.1 / precision))
        (log_s, _), _ = jax.lax.scan(step, (start, adam.init(start)), None, length=1000)
        return jnp.exp(grid[jnp.argmin(values, axis=0)]), jnp.exp(2 * log_s), objective(log_s)

    cases = [(precision, noise) for precision in PRECISIONS[num_steps] for noise in (0, 1)]
    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(search))(*jnp.array(cases, float).T)
    return dict(zip(cases, zip(*map(np.asarray, found), strict=True), strict=True))


@pytest.mark.parametrize("num_steps", [1, 5, 25])
def test_best_step_size(num_steps):
    """By grid search (rounded to .15 %) and by gradient, for both objectives, with and without noise."""
    for (precision, noise), (grid, descent, values) in searched(num_steps).items():
        for i, name in enumerate(("fixed", "marginal")):
            expected = BEST[noise, name][precision, num_steps]
            assert grid[i] == pytest.approx(expected, rel=2e-3), (precision, noise, name)
            assert descent[i] == pytest.approx(expected, rel=2e-3), (precision, noise, name)
        if noise:
            assert values[0] == pytest.approx(FIXED_VALUES[precision, num_steps], abs=1e-5)
            assert values[1] == pytest.approx(MARGINAL_VALUES[precision, num_steps], abs=1e-5)
        else:  # KL* = log(2 - 1 / λ) / 2, whatever K is
            np.testing.assert_allclose(values, 0.5 * np.log(2 - 1 / precision), atol=1e-5)


@pytest.mark.parametrize(
    "precision, num_steps, expected", [(2, 1, 0.367878), (2, 5, 0.313664), (5, 1, 0.459896), (5, 5, 0.332036)]
)
def test_the_fixed_noise_optimum_is_far_from_the_posterior(precision, num_steps, expected):
    """KL(q || p) at the step size that the fixed-noise objective likes best; that objective has a pole at s² λ = 2."""
    at = lambda s2: both(jnp.log(jnp.sqrt(jnp.array([s2, s2]))), float(precision), 1.0, num_steps)
    assert at(FIXED[precision, num_steps])[1] == pytest.approx(expected, abs=2e-4)
    near_pole = [at((2 - gap) / precision)[0] for gap in (1e-1, 1e-3)]
    # -K log|a|, a = gap / 2: what two decades nearer adds, beside the bounded rest.
    assert near_pole[1] - near_pole[0] == pytest.approx(num_steps * np.log(100), abs=0.5)


def test_more_steps_help_only_with_noise_and_only_the_marginal():
    values = [searched(num_steps)[5.0, 1][2][1] for num_steps in (1, 5, 25)]
    assert values[0] > 5 * values[1] > 25 * values[2] > 0


def test_fixed_noise_is_never_below_marginal():
    """Both are exact here: KL(q(z | ε) || p) exceeds KL(q || p) by the information of ε on z, 0 for s = 0."""
    gap = lambda s: np.subtract(*both(jnp.log(jnp.full(2, s)), 5.0, 1.0, 5))
    assert abs(gap(1e-4)) < 1e-4
    no_dynamics = 0.5 * (2 * 5.0 - 2 - np.log(5.0))
    np.testing.assert_allclose(both(jnp.log(jnp.full(2, 1e-4)), 5.0, 1.0, 5), no_dynamics, atol=1e-4)
    assert np.all(np.diff([gap(s) for s in (1e-4, 0.05, 0.1, 0.2, 0.4)]) > 0)


def test_entropy_is_unbiased_for_gaussians_and_the_diagonal_overrates_it():
    """20 chains in 4 dimensions; the plain plug-in would be too low by .34."""
    factor = np.random.default_rng(0).normal(size=(4, 4))
    cov = factor @ factor.T
    z = jax.random.normal(jax.random.key(0), (20, 20_000, 4)) @ factor.T
    exact = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * cov)[1]
    for diagonal, expected in ((False, exact), (True, 0.5 * np.sum(np.log(2 * np.pi * np.e * np.diag(cov))))):
        entropies = gaussian_entropy(z, diagonal=diagonal)
        assert abs(np.mean(entropies) - expected) < 4 * np.std(entropies) / np.sqrt(20_000)
    assert expected > exact + 0.1
    with pytest.raises(ValueError, match="more than 4 chains"):
        gaussian_entropy(z[:4])
