"""Independence Metropolis-Hastings: acceptance for proposals that are the target, or tilt it, and bad proposals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import mixture, standard_normal
from ebmjax.mcmc import independence_mh, run_chain

KEY = jax.random.key(0)


def gaussian_proposal(dim=2, sd=1.0):
    sample = lambda rng_key, num: sd * jax.random.normal(rng_key, (num, dim))
    return dict(sample=sample, log_prob=lambda x: -standard_normal(x) / sd**2)


def test_the_target_as_proposal_is_always_accepted():
    kernel = independence_mh(standard_normal, **gaussian_proposal())
    state, info, trace = run_chain(kernel, KEY, jnp.zeros((512, 2)), 5, collect=lambda state, _: state.position)
    np.testing.assert_allclose(info.acceptance_rate, 1.0, atol=1e-5)
    assert np.all(np.any(np.diff(trace, axis=0) != 0, axis=-1)) and state.grad == ()


def test_a_tilted_proposal_is_accepted_by_its_tilt_alone():
    """p ∝ exp(-e) q: the ratio is exp(e(x) - e(x')), whatever q; at temperature T of E = T (e - log q) too."""
    tilt = lambda x: 2.0 * jnp.sin(3.0 * x[:, 0])
    proposal = gaussian_proposal(sd=1.7)
    x = jax.random.normal(KEY, (2000, 2))
    expected = jnp.minimum(1.0, jnp.exp(tilt(x) - tilt(proposal["sample"](jax.random.split(KEY)[0], 2000))))
    for t in (1.0, 4.0):
        kernel = independence_mh(lambda x: t * (tilt(x) - proposal["log_prob"](x)), temperature=t, **proposal)
        _, info = kernel.step(KEY, kernel.init(x))
        np.testing.assert_allclose(info.acceptance_rate, expected, rtol=1e-4, atol=1e-6)
    assert 0.3 < expected.mean() < 0.8


def test_it_jumps_between_modes():
    """All chains start in one of two modes 12 standard deviations apart, and end in both by their weights."""
    target = mixture([[-3.0, 0.0], [3.0, 0.0]], 0.5, weights=[0.25, 0.75])
    kernel = independence_mh(target.energy, **gaussian_proposal(sd=3.0))
    state, info, _ = run_chain(kernel, KEY, jnp.tile(jnp.array([-3.0, 0.0]), (4096, 1)), 100)
    right = np.mean(state.position[:, 0] > 0)
    assert abs(right - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 4096)
    assert 0.02 < np.mean(info.acceptance_rate) < 0.3


def test_densities_that_underflow_are_refused_and_counted():
    """log q = -inf at the proposal would be an infinite ratio; at the chain's own place it holds the chain there."""
    proposal = gaussian_proposal()
    log_prob = lambda x: jnp.where(x[:, 0] > 1.0, -jnp.inf, proposal["log_prob"](x))
    kernel = independence_mh(standard_normal, sample=proposal["sample"], log_prob=log_prob)
    state, info, _ = run_chain(kernel, KEY, jnp.zeros((512, 2)), 20)
    assert np.all(state.position[:, 0] <= 1.0)
    # P(N(0, 1) > 1) = 0.159 in 20 steps of 512 chains, within 4 standard errors.
    assert np.mean(info.num_nonfinite) / 20 == pytest.approx(0.1587, abs=4 * np.sqrt(0.1335 / 10240))


def test_shapes_of_sample_and_position_must_agree():
    kernel = independence_mh(standard_normal, **gaussian_proposal(dim=1))
    with pytest.raises(ValueError, match=r"sample draws shapes \(4, 1\), the position has \(4, 2\)"):
        run_chain(kernel, KEY, jnp.zeros((4, 2)), 1)
