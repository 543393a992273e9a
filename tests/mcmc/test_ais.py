"""log Z by annealing: exact cases, a mixture in 20 seeds, and the bracket of forward and reverse runs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import gaussian, gaussian_nll, mixture, standard_gaussian, standard_normal, tilt
from ebmjax.importance import average_weights
from ebmjax.mcmc import (
    Base,
    annealed_importance_sampling,
    base_from,
    langevin,
    mala,
    reverse_annealed_importance_sampling,
    run_chain,
    underdamped,
)

KEY = jax.random.key(0)
NORMAL = base_from(standard_gaussian(2))
MIXTURE = mixture(((-2.0, 0.0), (1.0, 1.0), (0.0, -1.5)), (0.5, 1.0, 0.3), (0.2, 0.5, 0.3))
LOG_Z = 1.7  # of the shifted mixture
shifted = lambda x: MIXTURE.energy(x) - LOG_Z
WIDE = base_from(gaussian((0.0, 0.0), ((4.0, 0.0), (0.0, 4.0))))
BETAS = jnp.linspace(0.0, 1.0, 81)
MALA = partial(mala, step_size=0.5)


def test_target_equal_to_base_has_no_variance():
    """exp(-E) = Z q: every weight is Z, whatever the chains do."""
    energy = lambda x: -NORMAL.log_prob(x) - 3.0
    for run in (
        annealed_importance_sampling(KEY, NORMAL, energy, betas=BETAS[::20], make_kernel=MALA, num_chains=50),
        reverse_annealed_importance_sampling(
            KEY, NORMAL.sample(KEY, 50), NORMAL, energy, betas=BETAS[::20], make_kernel=MALA
        ),
    ):
        np.testing.assert_allclose(run.log_z, 3.0, rtol=1e-6)
        assert run.standard_error < 1e-6 and np.ptp(run.log_weights) < 1e-5


def test_one_jump_is_importance_sampling():
    """betas = (0, 1): the weights are exp(-E) / q at draws of the base, before any move."""
    run = jax.jit(
        lambda: annealed_importance_sampling(KEY, WIDE, shifted, betas=[0.0, 1.0], make_kernel=MALA, num_chains=64)
    )()
    x = WIDE.sample(jax.random.split(KEY)[0], 64)
    weights = np.exp(-np.asarray(shifted(x) + WIDE.log_prob(x), np.float64))
    np.testing.assert_allclose(np.exp(run.log_weights), weights, rtol=1e-4)
    np.testing.assert_allclose(run.log_z, np.log(weights.mean()), rtol=1e-5)
    np.testing.assert_allclose(run.standard_error, weights.std(ddof=1) / weights.mean() / 8.0, rtol=1e-4)
    assert np.mean(run.position[:, 0] != x[:, 0]) == pytest.approx(run.info.acceptance_rate[0], abs=4 * 0.5 / 8)


def test_twenty_of_twenty_seeds():
    """Within 3 reported standard errors of the exact log Z of a mixture, in 20 of 20 runs.

    The error is itself an estimate, from 256 weights of kurtosis 4.5: good to 5 %, so that z is as good as normal.
    Over 1,000 other runs the mean of z² was 0.98 and 0.4 % of z were beyond 3 (a normal one: 0.27 %): an estimator
    as it should be passes with probability 0.95, one that reports half of its error with 0.06. The runs are those of
    the first key, split, and never others.
    """
    run = lambda key: annealed_importance_sampling(
        key, WIDE, shifted, betas=BETAS, make_kernel=MALA, num_chains=256, num_steps=2
    )[:2]
    log_z, error = jax.jit(jax.vmap(run))(jax.random.split(KEY, 20))
    z = (np.asarray(log_z) - LOG_Z) / np.asarray(error)
    assert np.all(np.abs(z) < 3.0), z
    assert np.all(error < 0.05)
    # The reported error is the true one, neither too small nor too large, and there is no bias beside it: the mean
    # square of 20 z is chi-squared, 1 ± 0.32, and the mean is 0 ± 0.22.
    assert 0.4 < np.mean(z**2) < 2.0 and abs(np.mean(z)) < 4 * 0.22


def test_forward_and_reverse_bracket_log_z():
    """Few temperatures: both bounds are loose by more than their errors, on their own side; many close the gap."""
    gaps = []
    for num in (4, 64):
        options = {"betas": jnp.linspace(0.0, 1.0, num + 1), "make_kernel": MALA}
        forward = lambda: annealed_importance_sampling(KEY, WIDE, shifted, num_chains=2560, **options).log_weights
        start = MIXTURE.sample(jax.random.key(1), 2560)
        reverse = lambda: reverse_annealed_importance_sampling(KEY, start, WIDE, shifted, **options).log_weights
        # The bounds for one chain, averaged over 2560: E[log w] < log Z < -E[log w reverse].
        low, high = jax.jit(forward)(), -jax.jit(reverse)()
        errors = [np.std(bound) / np.sqrt(bound.size) for bound in (low, high)]
        gaps.append((LOG_Z - np.mean(low), np.mean(high) - LOG_Z))
        assert gaps[-1][0] > 4 * errors[0] and gaps[-1][1] > 4 * errors[1]
        # And with all chains both are consistent.
        for weights, sign in ((low, 1.0), (-high, -1.0)):
            log_mean, error, _, _ = average_weights(weights)
            assert abs(sign * log_mean - LOG_Z) < 4 * error
    assert gaps[1][0] < gaps[0][0] / 2 and gaps[1][1] < gaps[0][1] / 2


def test_tilted_gaussian_pytree():
    """N(0, I) tilted by exp(a·x): log Z = |a|² / 2; the weighted ends have mean a."""
    split = lambda x: {"u": x[:, :1], "v": x[:, 1:, None]}
    sample = lambda key, num: split(jax.random.normal(key, (num, 3)))
    base = Base(sample, lambda x: -standard_normal(x) - 1.5 * np.log(2 * np.pi))
    energy = tilt(lambda x: -base.log_prob(x), lambda x: -0.8 * x["u"][:, 0] - 0.6 * jnp.sum(x["v"], axis=(1, 2)))
    run = jax.jit(
        lambda: annealed_importance_sampling(
            KEY, base, energy, betas=jnp.linspace(0, 1, 31), make_kernel=MALA, num_chains=2000
        )
    )()
    exact = (0.64 + 2 * 0.36) / 2
    assert abs(run.log_z - exact) < 3 * run.standard_error and run.standard_error < 0.02
    weights = np.asarray(jax.nn.softmax(run.log_weights))
    ends = np.concatenate([run.position["u"], run.position["v"][..., 0]], axis=1)
    np.testing.assert_allclose(weights @ ends, [0.8, 0.6, 0.6], atol=4 * 1.1 / np.sqrt(2000))


def test_one_estimate_per_example():
    """A potential bound to B examples, one chain each: log p(x) = log N(x; 0, 2) of every row from stacked runs."""
    x = jnp.array([[-2.0], [0.0], [1.0]])
    base = base_from(standard_gaussian(1))
    potential = tilt(lambda z: -base.log_prob(z), gaussian_nll(lambda z: z, x, 1.0, normalised=True))
    run = lambda key: (
        annealed_importance_sampling(
            key, base, potential, betas=jnp.linspace(0, 1, 21), make_kernel=MALA, num_chains=3
        ).log_weights
    )
    log_z, error, _, _ = average_weights(jax.jit(jax.vmap(run))(jax.random.split(KEY, 1000)))
    exact = -0.25 * x[:, 0] ** 2 - 0.5 * np.log(4 * np.pi)
    assert log_z.shape == (3,) and np.all(np.abs(log_z - exact) < 3.5 * error) and np.all(error < 0.05)


def test_what_a_kernel_carries_is_handed_on():
    """Underdamped chains keep their momentum from β to β, so they arrive as with one long run."""
    make_kernel = partial(underdamped, step_size=0.3, friction=0.1)
    energy = lambda x: -NORMAL.log_prob(x)
    run = lambda: annealed_importance_sampling(KEY, NORMAL, energy, betas=BETAS, make_kernel=make_kernel, num_chains=4)
    position = jax.jit(run)().position
    start_key, chain_key = jax.random.split(KEY)
    kernel = make_kernel(energy)
    step = jax.jit(lambda key, state: run_chain(kernel, key, state.position, 1, adapt=state.adapt)[0])
    state = kernel.init(NORMAL.sample(start_key, 4))
    for key in jax.random.split(chain_key, 80):
        state = step(key, state)
    np.testing.assert_allclose(position, state.position, rtol=1e-3, atol=1e-4)


def test_report_and_non_finite():
    """`Info` at every β; a wall of the target (energy +inf) gives weight zero and rejections that are counted."""
    wall = lambda x: jnp.where(x[:, 0] > 0, standard_normal(x), jnp.inf)
    run = jax.jit(
        lambda: annealed_importance_sampling(
            KEY, NORMAL, wall, betas=jnp.linspace(0, 1, 6), make_kernel=partial(langevin, step_size=0.5), num_chains=400
        )
    )()
    assert run.info.acceptance_rate.shape == run.info.num_nonfinite.shape == (5,)
    assert np.all(run.info.num_nonfinite > 0) and np.all(run.info.acceptance_rate < 1)
    lost = np.mean(np.isneginf(run.log_weights))
    assert 0.4 < lost < 0.6  # those that began behind the wall
    # Half of N(0, I): Z = π.
    assert abs(run.log_z - np.log(np.pi)) < 3 * run.standard_error


def test_compiled_once_for_any_betas():
    traces = []

    def energy(scale, x):
        traces.append(1)
        return scale * standard_normal(x)

    @jax.jit
    def run(scale, betas):
        return annealed_importance_sampling(
            KEY, NORMAL, partial(energy, scale), betas=betas, make_kernel=MALA, num_chains=8
        ).log_z

    values = [run(scale, jnp.linspace(0.0, 1.0, 30) ** power) for scale in (0.5, 2.0) for power in (1.0, 2.0)]
    # At the start, in the weight, in `init` and in the step: not one per temperature.
    assert len(traces) == 4 and len({float(value) for value in values}) == 4
    run(1.0, jnp.linspace(0.0, 1.0, 300))
    assert len(traces) == 8


def test_bad_betas_are_named():
    for betas in ([0.0, 0.5], [0.1, 1.0], [1.0, 0.0], [0.0, 0.5, 0.5, 1.0], 1.0, [[0.0, 1.0]]):
        with pytest.raises(ValueError, match="rises from 0 to 1"):
            annealed_importance_sampling(KEY, NORMAL, standard_normal, betas=betas, make_kernel=MALA, num_chains=2)
        with pytest.raises(ValueError, match="rises from 0 to 1"):
            reverse_annealed_importance_sampling(
                KEY, jnp.zeros((2, 2)), NORMAL, standard_normal, betas=betas, make_kernel=MALA
            )


def test_many_small_changes_add_up():
    """1,000.3 nats in 2^14 changes of β: a plain float32 sum is off by 0.1."""
    base = Base(lambda key, num: jnp.zeros((num, 1)), lambda x: jnp.zeros(x.shape[0]))
    run = partial(annealed_importance_sampling, KEY, base, lambda x: jnp.full(x.shape[0], -1000.3), num_chains=4)
    still = partial(langevin, step_size=0.1)
    found = jax.jit(lambda betas: run(betas=betas, make_kernel=still, num_steps=0))(jnp.linspace(0.0, 1.0, 2**14 + 1))
    np.testing.assert_allclose(found.log_weights, 1000.3, rtol=2e-7)
