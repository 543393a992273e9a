"""Three ways to log Z on the same targets: annealed importance sampling, tempered SMC, replica exchange."""

import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import double_well, funnel, gaussian, mixture
from ebmjax.estimators.ladder import exchange_log_z
from ebmjax.mcmc import adapt_step_size, annealed_importance_sampling, base_from, mala, sign_rule, tempered_smc

pytestmark = pytest.mark.slow
SEEDS = 20
MODES = ((-2.0, 0.0), (1.0, 1.0), (0.0, -1.5)), (0.5, 1.0, 0.3), (0.2, 0.5, 0.3)
TARGETS = {  # and the standard deviation of the base, N(0, sd² I)
    "mixture": (mixture(*MODES), 2.0),
    "many_well": (double_well(6, 4.0), 1.0),  # 64 wells, between which barriers are 4 nats high
    "funnel": (funnel(4, 1.0), 3.0),
}


def adapting(**options):
    return partial(adapt_step_size, make_kernel=mala, step_size=0.5, target=0.574, **options)


def by_ais(key, base, energy):
    """512 chains, 100 temperatures, 2 moves at each: 153,600 gradients."""
    options = {"num_chains": 512, "num_steps": 2, "make_kernel": adapting(rule=sign_rule(0.1))}
    run = annealed_importance_sampling(key, base, energy, betas=jnp.linspace(0.0, 1.0, 101), **options)
    return run.log_z, run.standard_error, jnp.asarray(512 * 100 * 3)


def by_smc(key, base, energy):
    """1,024 particles, 12 moves at each temperature."""
    options = {"num_particles": 1024, "num_steps": 12, "make_kernel": adapting(rule=sign_rule(0.1))}
    run = tempered_smc(key, base, energy, ess=0.9, max_temperatures=40, **options)
    return run.log_z, run.standard_error, 1024 * 13 * run.num_temperatures


def by_exchange(key, base, energy):
    """8 chains of 8 replicas, 5 rounds of 100 transitions to place them, 1,500 to measure: 128,000 gradients."""
    options = {"num_chains": 8, "num_steps": 1500, "num_warm_up": 100, "make_kernel": adapting(num_adapt=500)}
    run = exchange_log_z(key, base, energy, betas=jnp.linspace(0.0, 1.0, 8), **options)
    return run.log_z, run.standard_error, jnp.asarray(8 * 8 * 2000)


@pytest.mark.parametrize("method", [by_ais, by_smc, by_exchange], ids=lambda method: method.__name__)
@pytest.mark.parametrize("name", TARGETS)
def test_twenty_of_twenty_seeds(name, method):
    """Within 3 reported errors of the exact log Z in 20 of 20 runs, of about 130,000 gradients each, more or less.

    The mean of the squares of 20 normal z is 1 ± 0.32; an error half or twice the true one gives 4 or 0.25.
    """
    target, sd = TARGETS[name]
    base = base_from(gaussian(np.zeros(target.dim), sd**2 * np.eye(target.dim)))
    run = jax.jit(jax.vmap(lambda key: method(key, base, target.energy)))
    log_z, error, cost = map(np.asarray, run(jax.vmap(jax.random.key)(jnp.arange(SEEDS))))
    z = (log_z - target.log_z) / error
    known = np.isfinite(error)
    print(
        f"{name} {method.__name__}: log Z {target.log_z:.4f}, error of the runs {np.std(log_z):.4f}, mean off by "
        f"{np.mean(log_z) - target.log_z:.4f}, reported {np.mean(error[known]):.4f} in {known.sum()} of {SEEDS} runs, "
        f"largest |z| {np.max(np.abs(z)):.2f}, {np.mean(cost):.0f} gradients"
    )
    assert np.all(np.abs(z) < 3.0), z
    assert np.all(known)
    assert 0.3 < np.mean(z[known] ** 2) < 2.0


def test_the_documents_example_runs():
    text = (Path(__file__).parents[2] / "docs/choosing_a_sampler.md").read_text()
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "exchange_log_z" in code]
    found = {}
    exec(compile(code, "choosing_a_sampler.md", "exec"), found)
    for run in (found["smc"], found["exchange"]):
        assert abs(run.log_z - double_well(6, 4.0).log_z) < 3 * run.standard_error and run.standard_error < 0.06
