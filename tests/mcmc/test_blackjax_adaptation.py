"""blackjax's adaptations through the bridge: the kernels that they make sample the density."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import adapt_blackjax, run_chain

pytest.importorskip("blackjax")
KEY = jax.random.key(0)
SD = np.array([0.5, 1.0, 2.0])


def energy(x):
    return 0.5 * jnp.sum((x / SD) ** 2, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "adaptation, algorithm, options, steps",
    [
        ("window", "nuts", {"max_num_doublings": 4}, 60),
        ("window", "hmc", {"algorithm": "hmc", "num_integration_steps": 3}, 60),
        ("chees", "dynamic_hmc", {"optim": optax.adam(0.05), "target_acceptance_rate": 0.8}, 100),
        ("meads", "ghmc", {}, 300),
        ("mclmc", "mclmc", {"desired_energy_var": 1e-3}, 600),
        ("adjusted_mclmc", "adjusted_mclmc_dynamic", {}, 200),
    ],
)
def test_the_tuned_kernel_samples_the_density(adaptation, algorithm, options, steps):
    """At T = 2, from 256 chains: variances 2 σ² within 4 standard errors of 256 draws, or 40 % (mclmc is biased)."""
    x = SD * jax.random.normal(jax.random.key(1), (256, 3))
    tuned = adapt_blackjax(energy, KEY, x, 400, adaptation=adaptation, temperature=2.0, **options)
    assert tuned.parameters["algorithm"] == algorithm
    assert 0.0 < float(tuned.parameters["step_size"]) < 20.0
    moved = np.any(np.asarray(tuned.position) != np.asarray(x), axis=1)
    assert np.all(moved) if adaptation in ("chees", "meads") else moved[0] and not np.any(moved[1:])
    state, info, _ = jax.jit(lambda x: run_chain(tuned.kernel, KEY, x, steps))(tuned.position)
    np.testing.assert_allclose(np.var(state.position, axis=0) / (2 * SD**2), 1.0, atol=4 * np.sqrt(2 / 256))
    assert 0.5 < np.mean(info.acceptance_rate) <= 1.0 and not np.any(info.num_nonfinite)


def test_what_is_missing_is_named(monkeypatch):
    start = jnp.ones((4, 2))
    with pytest.raises(ValueError, match='adapt_blackjax: "chees" needs the option optim, an optax optimiser'):
        adapt_blackjax(standard_normal, KEY, start, 20, adaptation="chees")
    with pytest.raises(ValueError, match='adapt_blackjax: adaptation must be one of "window", "chees"'):
        adapt_blackjax(standard_normal, KEY, start, 20, adaptation="pathfinder")
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ImportError, match="adapt_blackjax needs blackjax: pip install blackjax"):
        adapt_blackjax(standard_normal, KEY, start, 20, adaptation="window")
