"""Every kernel of the table in test_kernels.py leaves four targets invariant, as far as it says so."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import banana, gaussian, mixture
from ebmjax.mcmc import run_chain
from tests.mcmc.test_kernels import NARROW, TABLE, seen

NUM = 8192
BIAS = 0.015  # granted to unadjusted kernels


def second_moments(mean, covariance):
    """E of x_0, x_1, x_0², x_0 x_1, x_1²."""
    m, c = np.asarray(mean), np.asarray(covariance)
    return np.array([*m, c[0, 0] + m[0] ** 2, c[0, 1] + m[0] * m[1], c[1, 1] + m[1] ** 2])


WEIGHTS, CENTRES, SD = np.array([0.3, 0.7]), np.array([[-1.2, 0.0], [1.2, 0.5]]), 0.6
BETWEEN = np.einsum("k,ki,kj->ij", WEIGHTS, CENTRES, CENTRES) - np.outer(WEIGHTS @ CENTRES, WEIGHTS @ CENTRES)
LAWS = {
    "gaussian": ([1.0, -0.5], np.diag([1.0, 0.25])),
    "correlated": ([0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]]),
    # x_0 ~ N(0, 1), x_1 ~ N(b (x_0² - 1), 1) with b = 0.5: E x_1² = 1 + 2 b².
    "banana": ([0.0, 0.0], np.diag([1.0, 1.5])),
    "mixture": (WEIGHTS @ CENTRES, SD**2 * np.eye(2) + BETWEEN),
}
TARGETS = {
    "gaussian": gaussian(*LAWS["gaussian"]),
    "correlated": gaussian(*LAWS["correlated"]),
    "banana": banana(2, 1.0, 0.5),
    "mixture": mixture(CENTRES, SD, WEIGHTS),
}


@cache
def exact_draws(name, beta, base=0.0):
    """Of exp(-β E - base |x|² / 2). If not the target's, from cells of a grid: their width adds 2e-4 to a variance."""
    if beta == 1.0 and base == 0.0:
        return TARGETS[name].sample(jax.random.key(3), NUM)
    rng, width = np.random.default_rng(3), 0.05
    grid = np.stack(np.meshgrid(np.arange(-9, 9, width), np.arange(-9, 45, width), indexing="ij"), axis=-1)
    energy = np.asarray(TARGETS[name].energy(jnp.asarray(grid.reshape(-1, 2), jnp.float32)), np.float64)
    weights = np.exp(-beta * energy - 0.5 * base * np.sum(grid.reshape(-1, 2) ** 2, axis=1))
    cells = rng.choice(len(energy), NUM, p=weights / weights.sum())
    return jnp.asarray(grid.reshape(-1, 2)[cells] + width * rng.uniform(-0.5, 0.5, (NUM, 2)), jnp.float32)


def starts(case, name):
    """Exact draws, of every temperature or β if the kernel has several."""
    if not case.num_replicas:
        return exact_draws(name, 1.0)
    powers = [(1 / t, 0.0) for t in case.temperatures] or [(b, (1 - b) / NARROW**2) for b in case.betas]
    return jnp.stack([exact_draws(name, *power) for power in powers], axis=1)


QUICK = {"langevin", "mala", "hmc", "underdamped", "independence_mh"}


@pytest.mark.parametrize(
    "kernel_name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TABLE]
)
def test_the_target_is_invariant(kernel_name):
    """From exact draws, means and second moments stay within 4 standard errors of their exact values.

    8,192 chains, 15 steps. Unadjusted kernels take small steps; what bias s² / (4σ²) they have there is below 0.015
    of a second moment and is granted. Step sizes that adapt do so from the mean over all chains, so that what they
    take from the invariance of one is of the order of 1 / 8,192.
    """
    case, energies = TABLE[kernel_name], [target.energy for target in TARGETS.values()]
    step_size, bias = (case.step_size, 0.0) if case.exact else (0.1, BIAS)

    @jax.jit  # one compilation for the four targets
    def run(which, position):
        potential = lambda x: jnp.select([which == i for i in range(4)], [energy(x) for energy in energies])
        state, info, _ = run_chain(case.build(potential, position, step_size), jax.random.key(2), position, 15)
        return seen(case, state), info

    for i, name in enumerate(TARGETS):
        x0 = starts(case, name)
        x, info = run(i, x0)
        assert np.mean(np.asarray(x) != np.asarray(x0)) > 0.9
        assert 0.15 < np.mean(info.acceptance_rate) <= 1.0
        if case.num_replicas:
            x = x[:, -1 if case.betas else 0]
        x = np.asarray(x, np.float64)
        values = np.stack([x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2], axis=1)
        error = values.std(0) / np.sqrt(NUM)
        deviation = np.abs(values.mean(0) - second_moments(*LAWS[name]))
        assert np.all(deviation < 4.0 * error + bias), (name, deviation / error)
