"""Adapting step sizes: the two rules by hand, the acceptances and step sizes they reach, and freezing."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.energies import standard_normal
from ebmjax.mcmc import (
    StepSize,
    adapt_step_size,
    averaged_step_size,
    dual_averaging,
    hmc,
    langevin,
    mala,
    neural_transport,
    proportional_rule,
    replica_exchange,
    run_chain,
    sign_rule,
    underdamped,
)
from ebmjax.mcmc.adapt import pooled_error

KEY = jax.random.key(0)
DIM = 100


def start(num=128):
    return jax.random.normal(jax.random.key(1), (num, DIM))


def steps_and_rates(kernel, num_steps, x=None, **options):
    """Log step size after each transition, and the mean acceptance of each, as numpy; and the last state."""
    collect = lambda state, info: (state.adapt.log_step, jnp.mean(info.acceptance_rate), state.adapt.log_average)
    run = jax.jit(lambda x: run_chain(kernel, KEY, x, num_steps, collect=collect, **options))
    state, _, trace = run(start() if x is None else x)
    return state, [np.asarray(a, np.float64) for a in trace]


def test_dual_averaging_by_hand():
    """log ε_t+1 = log(10 ε_0) - √t / (γ (t + t_0)) Σ (target - acceptance), averaged with weights t^-κ."""
    s, target, gamma, offset, kappa = 0.05, 0.7, 0.1, 5.0, 0.6
    rule = dual_averaging(gamma, offset)
    kernel = adapt_step_size(standard_normal, make_kernel=mala, step_size=s, target=target, rule=rule, decay=kappa)
    state, (log_step, rate, log_average) = steps_and_rates(kernel, 25)
    t = np.arange(1, 26)
    expected = np.log(10 * s) - np.sqrt(t) / (gamma * (t + offset)) * np.cumsum(target - rate)
    np.testing.assert_allclose(log_step, expected, atol=1e-4)
    average = np.log(s)
    for i, value in zip(t, expected):
        average = i**-kappa * value + (1 - i**-kappa) * average
        np.testing.assert_allclose(log_average[i - 1], average, atol=1e-4)
    assert isinstance(state.adapt, StepSize) and int(state.adapt.count) == 25 == int(state.step)
    np.testing.assert_allclose(averaged_step_size(state.adapt), np.exp(average), rtol=1e-4)


def test_sign_rule_by_hand():
    s, target, rate = 0.9, 0.6, 0.05
    kernel = adapt_step_size(standard_normal, make_kernel=mala, step_size=s, target=target, rule=sign_rule(rate))
    _, (log_step, accepted, _) = steps_and_rates(kernel, 25)
    np.testing.assert_allclose(log_step, np.log(s) + rate * np.cumsum(np.sign(accepted - target)), atol=1e-5)
    assert np.min(accepted) < target < np.max(accepted)


def test_proportional_rule_by_hand():
    """× 1 + rate (acceptance - target) in the first two of every four transitions, over runs that follow each other."""
    s, target, rate = 0.9, 0.6, 0.5
    rule = proportional_rule(rate, num_adapt=2, period=4)
    kernel = adapt_step_size(standard_normal, make_kernel=mala, step_size=s, target=target, rule=rule)
    state, (first, first_rate, _) = steps_and_rates(kernel, 12)
    _, (second, second_rate, _) = steps_and_rates(kernel, 12, state.position, adapt=state.adapt)
    log_step, accepted = np.append(first, second), np.append(first_rate, second_rate)
    factors = np.where(np.arange(24) % 4 < 2, 1 + rate * (accepted - target), 1.0)
    np.testing.assert_allclose(np.exp(log_step), s * np.cumprod(factors), rtol=1e-5)
    assert np.min(accepted) < target < np.max(accepted)
    with pytest.raises(ValueError, match="num_adapt = 3 must lie in"):
        proportional_rule(0.02, 3, 2)
    with pytest.raises(ValueError, match="rate = 1.0 must be below 1"):
        proportional_rule(1.0)


@pytest.mark.parametrize("rule, num_adapt", [(dual_averaging(), 150), (sign_rule(0.03), 300)])
def test_the_step_size_of_the_theory_is_found(rule, num_adapt):
    """MALA on N(0, I_100) at acceptance 0.574: s = 1.6507 · 100^(-1/6) · (1 + O(100^(-1/3))) = 0.766 or a little more.

    From a start far too small (all accepted) and far too large (none is).
    """

    @jax.jit
    def run(first):
        options = dict(make_kernel=mala, target=0.574, rule=rule, num_adapt=num_adapt)
        kernel = adapt_step_size(standard_normal, step_size=first, **options)
        collect = lambda state, info: jnp.mean(info.acceptance_rate)
        state, _, rate = run_chain(kernel, KEY, start(), num_adapt + 40, collect=collect)
        return averaged_step_size(state.adapt), jnp.mean(rate[num_adapt:])

    for first in (0.02, 5.0):
        found, rate = run(first)
        assert 0.73 < found < 0.83
        assert abs(rate - 0.574) < 0.05  # frozen; 128 chains of 40 steps, correlated: an error of about 0.01


def test_frozen_it_is_the_kernel_with_the_averaged_step_size():
    """After `num_adapt` transitions nothing adapts, in this run or a later one with the same `adapt`."""
    make_kernel = partial(hmc, num_leapfrog=3)
    kernel = adapt_step_size(standard_normal, make_kernel=make_kernel, step_size=0.1, target=0.8, num_adapt=20)
    whole, (log_step, _, log_average) = steps_and_rates(kernel, 30)
    assert np.all(np.diff(log_step[:20]) != 0)
    np.testing.assert_array_equal(log_step[19:], log_step[19])
    assert int(whole.adapt.count) == 20
    resumed, (log_step, _, _) = steps_and_rates(kernel, 10, whole.position, adapt=whole.adapt)
    np.testing.assert_array_equal(log_step, whole.adapt.log_step)
    fixed = make_kernel(standard_normal, step_size=averaged_step_size(whole.adapt))
    expected = jax.jit(lambda x: run_chain(fixed, KEY, x, 10)[0].position)(whole.position)
    np.testing.assert_allclose(resumed.position, expected, atol=1e-5)


def test_it_follows_a_target_that_moves():
    """The energy becomes 100 times as steep between two runs of a persistent chain: the step size falls tenfold."""

    @jax.jit
    def run(precision, x, adapt):
        potential = lambda x: precision * standard_normal(x)
        kernel = adapt_step_size(potential, make_kernel=mala, step_size=0.7, target=0.574, rule=sign_rule(0.05))
        return run_chain(kernel, KEY, x, 200, adapt=jax.tree.map(jnp.asarray, adapt))[0]

    state = run(1.0, start(), StepSize(np.log(0.7), np.log(0.7), 0.0, 0, ()))
    assert abs(state.adapt.log_step - np.log(0.78)) < 0.15
    steep = run(100.0, state.position / 10.0, state.adapt)
    assert 7.0 < float(jnp.exp(state.adapt.log_step - steep.adapt.log_step)) < 14.0
    assert int(steep.adapt.count) == 400


def test_layers_and_what_the_wrapped_kernel_carries():
    """One step size drives all leaves through a function of it; `inner` is the adapt of the wrapped kernel."""
    x = {"top": start(8), "bottom": start(8)}

    def make_kernel(potential, *, step_size):
        kernel = underdamped(potential, step_size={"top": step_size, "bottom": 0.0 * step_size})
        return kernel._replace(adjusted=True)  # it carries something; else it would be refused

    kernel = adapt_step_size(standard_normal, make_kernel=make_kernel, step_size=0.1, target=0.9, rule=sign_rule(0.1))
    state, _, _ = jax.jit(lambda x: run_chain(kernel, KEY, x, 3))(x)
    assert np.all(state.position["top"] != x["top"])
    np.testing.assert_array_equal(state.position["bottom"], x["bottom"])
    assert jax.tree.map(jnp.shape, state.adapt.inner.value) == jax.tree.map(jnp.shape, x)
    assert np.all(state.adapt.inner.drawn)
    np.testing.assert_allclose(state.adapt.log_step, np.log(0.1) + 0.3, rtol=1e-5)  # unadjusted: always accepted


FINE = [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "rates, energies, error",
    [
        ([0.9, 0.8, 0.7, 0.4], FINE, 0.1),  # the mean of all
        ([0.9, 0.8, 0.7, 0.0], FINE, 0.0),  # one is stuck
        ([0.9, 0.8, 1e-4, 0.0], FINE, -0.05),  # half are
        ([0.9, 0.8, 0.7, 0.01], FINE, 0.1975),  # it moves now and then
        ([0.9, 1e-4, 1e-4, 0.0], FINE, 0.57495),  # most are: the step size is too large
        ([0.0, 0.0, 0.0, 0.0], FINE, 0.8),
        ([0.9, 0.8, 0.7, 0.0], [1.0, 2.0, 3.0, np.nan], 0.0),
        ([0.9, 0.0, 0.0, 0.0], [1.0, np.nan, np.inf, np.nan], -0.1),
        ([0.0, 0.0, 0.0, 0.0], [1.0, np.nan, np.nan, np.nan], 0.8),
        ([0.0, 0.0, 0.0, 0.0], [np.nan] * 4, 0.0),  # nothing is known
    ],
)
def test_dead_chains_are_left_out_of_the_mean(rates, energies, error):
    np.testing.assert_allclose(pooled_error(jnp.array(rates), jnp.array(energies), 0.8), error, atol=1e-6)


def test_pools_of_the_chains_that_tell():
    """One of five is stuck: of .9, .8, .7, .4 the mean is .7, the median .75, and the harmonic mean .6295."""
    rates, energies = jnp.array([0.9, 0.8, 0.0, 0.7, 0.4]), jnp.zeros(5)
    for pool, pooled in (("mean", 0.7), ("median", 0.75), ("harmonic", 4 / (1 / 0.9 + 1 / 0.8 + 1 / 0.7 + 1 / 0.4))):
        np.testing.assert_allclose(pooled_error(rates, energies, 0.8, pool), 0.8 - pooled, atol=1e-6)
    assert pooled_error(jnp.zeros(2), jnp.zeros(2), 0.8, "harmonic") == pytest.approx(0.8)


def test_low_targets_keep_their_mean():
    """Energy errors N(-μ, 2μ) have mean acceptance 2 Φ(-√(μ / 2)): at .234 too nothing is left out.

    20,000 rates of sd .35: an error of .0025.
    """
    for target, mu in ((0.234, 2.833), (0.574, 0.632), (0.8, 0.1284)):
        rates = jnp.exp(jnp.minimum(-mu + jnp.sqrt(2 * mu) * jax.random.normal(KEY, (20_000,)), 0.0))
        assert abs(pooled_error(rates, jnp.zeros(20_000), target)) < 0.01


@pytest.mark.parametrize("kind, dead, num, target", [("nan", 1, 4, 0.8), ("stuck", 2, 16, 0.9), ("stuck", 1, 2, 0.8)])
def test_a_few_dead_chains_do_not_collapse_the_step_size(kind, dead, num, target):
    """Within a factor 1.5 of the step size without them; the mean of all chains gave 1e-7, for 1 of 4, in 150 steps.

    Chains are stuck where the scale is 1e-4, as in the neck of a funnel.
    """
    scale = jnp.ones((num, 1)).at[:dead].set(1e-4 if kind == "stuck" else 1.0)

    @jax.jit
    def found(x, scale):
        potential = lambda x: standard_normal(x / scale)
        kernel = adapt_step_size(potential, make_kernel=mala, step_size=0.1, target=target)
        return averaged_step_size(run_chain(kernel, KEY, x, 150)[0].adapt)

    x = scale * jax.random.normal(jax.random.key(1), (num, 10))
    alone = found(x[dead:], scale[dead:])
    together = found(x.at[:dead].set(jnp.nan) if kind == "nan" else x, scale)
    assert 1 / 1.5 < together / alone < 1.5


@pytest.mark.parametrize(
    "make_kernel",
    [
        langevin,
        partial(langevin, noise_scale=0.5),
        underdamped,
        lambda potential, step_size: langevin(potential, step_size=step_size),
        lambda potential, step_size: replica_exchange(
            potential, temperatures=[1.0, 2.0], make_kernel=partial(langevin, step_size=step_size)
        ),
        lambda potential, step_size: neural_transport(
            potential, transport=lambda z: (z, 0.0 * z[:, 0]), make_kernel=partial(underdamped, step_size=step_size)
        ),
    ],
)
def test_kernels_that_accept_everything_are_refused(make_kernel):
    with pytest.raises(ValueError, match=r"^adapt_step_size: make_kernel builds a kernel that accepts every proposal"):
        adapt_step_size(standard_normal, make_kernel=make_kernel, step_size=0.1, target=0.8)
