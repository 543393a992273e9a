"""R-hat against its population values: integrals over the known laws of the draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from ebmjax import diagnostics

NUM_STEPS = 20_000
BOTH = jax.jit(lambda x: jnp.stack([diagnostics.rhat(x), diagnostics.split_rhat(x)]))
SCORES = jax.jit(diagnostics.rank_normalise)
NESTED = jax.jit(diagnostics.nested_rhat, static_argnums=1)


def rhat(x):
    return float(BOTH(x)[0])


def split(x):
    return float(BOTH(x)[1])


def normal_draws(seed):
    return np.random.default_rng(seed).normal(size=(NUM_STEPS, 4)).astype(np.float32)


def population_rhat(chains, support):
    """Rank R-hat for long chains with the given laws: z = Φ⁻¹(F(x)), F the mixture; each chain gives two halves."""
    pooled = lambda x: np.mean([law.cdf(x) for law in chains])
    score = lambda x: stats.norm.ppf(np.clip(pooled(x), 1e-15, 1 - 1e-15))
    moment = lambda law, k: integrate.quad(lambda x: score(x) ** k * law.pdf(x), *support, limit=200)[0]
    moments = {law: (moment(law, 1), moment(law, 2)) for law in set(chains)}
    means = np.array([moments[law][0] for law in chains])
    within = np.mean([moments[law][1] - moments[law][0] ** 2 for law in chains])
    return np.sqrt(1 + np.var(np.repeat(means, 2), ddof=1) / within)


def test_by_hand():
    """√((N - 1) / N + Var(means) / W) of half-chains of N = 2 draws.

    (1, 2), (3, 4): means 1.5 and 3.5 of variance 2, W = 1/2. (0, 2), (0, 2), (4, 6), (4, 6): variance 16/3, W = 2.
    Ranks: Φ⁻¹ of (r - 3/8) / 4.25 are -a, -b, b, a; folding leaves means that agree.
    """
    one, two = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([[0.0, 4.0], [2.0, 6.0], [0.0, 4.0], [2.0, 6.0]])
    np.testing.assert_allclose([split(one), split(two)], [np.sqrt(1 / 2 + 4), np.sqrt(1 / 2 + 8 / 3)], rtol=1e-6)
    a, b = stats.norm.isf(np.array([0.625, 1.625]) / 4.25)
    np.testing.assert_allclose(rhat(one), np.sqrt(1 / 2 + (a + b) ** 2 / (a - b) ** 2), rtol=1e-5)  # 1.932


# Standard errors below: a half-chain mean has sd 1/√10⁴ = 0.01, R-hat moves by about 0.2 of it: 0.002; 3 to 4 of them.
def test_independent_chains():
    assert rhat(normal_draws(0)) < 1.01
    assert abs(split(normal_draws(0)) - 1) < 0.001


def test_one_of_four_chains_shifted():
    x = normal_draws(1) + np.array([0, 0, 0, 1], np.float32)
    assert abs(split(x) - 1.102) < 0.007
    law, moved = stats.norm(), stats.norm(1)
    expected = population_rhat([law, law, law, moved], (-9, 10))
    assert abs(expected - 1.100) < 0.002
    assert abs(rhat(x) - expected) < 0.007
    # Ranks do not see an increasing map, though the folded part (about the mapped median) may.
    bulk = lambda y: split(SCORES(y))
    np.testing.assert_allclose(bulk(np.exp(x)), bulk(x), atol=1e-4)  # exp rounds a few neighbours into ties


def test_one_of_four_chains_with_three_times_the_scale_needs_folding():
    x = normal_draws(2) * np.array([1, 1, 1, 3], np.float32)
    assert abs(split(x) - 1) < 0.002
    assert abs(split(SCORES(x)) - 1) < 0.002
    narrow, wide = stats.halfnorm(), stats.halfnorm(scale=3)
    expected = population_rhat([narrow, narrow, narrow, wide], (0, 30))
    assert abs(expected - 1.14) < 0.01
    assert abs(rhat(x) - expected) < 0.007


@pytest.mark.filterwarnings("ignore:.*more chains:UserWarning")
def test_chains_stuck_in_two_modes_saturate():
    x = normal_draws(3) * 0.5 + np.array([-3, -3, 3, 3], np.float32)
    # Scores are those of half a Gaussian: mean ± √(2/π), variance 1 - 2/π. M half-chains, half of them in each mode.
    closed_form = lambda M: np.sqrt(1 + (2 / np.pi) / (1 - 2 / np.pi) * M / (M - 1))
    np.testing.assert_allclose([closed_form(8), closed_form(1e9)], [1.733, 1.659], atol=5e-4)
    assert abs(rhat(x) - closed_form(8)) < 0.007
    many = np.concatenate([x[i::100] for i in range(100)], axis=1)  # 400 chains of 200 steps
    assert abs(rhat(many) - closed_form(800)) < 0.007
    # Classical R-hat does grow with the distance: modes ±3σ give √(1 + 9 · 8/7) = 3.36, ±6σ here.
    assert abs(split(x) - np.sqrt(1 + 36 * 8 / 7)) < 0.06
    assert abs(split(normal_draws(4) + np.array([-3, -3, 3, 3], np.float32)) - 3.36) < 0.03


def test_constants_and_frozen_chains():
    frozen = np.broadcast_to(np.array([0.1, 0.7, 0.3, 0.3], np.float32), (NUM_STEPS, 4))
    assert np.isposinf(rhat(frozen)) and np.isposinf(split(frozen))
    same = np.full((NUM_STEPS, 4), 0.1, np.float32)
    assert np.isnan(rhat(same)) and np.isnan(split(same))
    # Folded about its median 0, ±1 is a constant: the bulk part decides.
    signs = np.where((np.arange(NUM_STEPS)[:, None] + np.arange(4)) % 2 == 0, 1.0, -1.0).astype(np.float32)
    assert abs(rhat(signs) - 1) < 1e-3


def test_float32_keeps_its_digits_far_from_zero():
    x = np.round(1024 * normal_draws(5)) / 1024
    np.testing.assert_allclose(split(x + np.float32(2048)), split(x), rtol=1e-6)


def test_nested_closed_forms():
    # Two superchains at ±1 of two chains at ±2 around it: B = 2, W = 8 + 0.
    one_step = np.array([[1 + 2, 1 - 2, -1 + 2, -1 - 2]], np.float32)
    np.testing.assert_allclose(NESTED(one_step, 2), np.sqrt(1 + 2 / 8), rtol=1e-6)
    # Steps ±0.5 about each chain's mean add a variance 0.5 (ddof 1) within chains.
    two_steps = np.concatenate([one_step + 0.5, one_step - 0.5])
    np.testing.assert_allclose(NESTED(two_steps, 2), np.sqrt(1 + 2 / 8.5), rtol=1e-6)
    # One chain in each superchain: W is the variance within chains. The means 3, -1, 1, -3 have variance 20/3.
    np.testing.assert_allclose(NESTED(two_steps, 4), np.sqrt(1 + 20 / 3 / 0.5), rtol=1e-6)


def test_nested_of_many_stationary_chains():
    """8 superchains of 64 chains, one step: R² - 1 = B / W with E[B] = 1/64 and W = 1; 200 quantities average it."""
    x = np.random.default_rng(6).normal(size=(1, 512, 200)).astype(np.float32)
    ratio = np.asarray(NESTED(x, 8)) ** 2 - 1
    # B · 64 · 7 is χ²_7: relative sd √(2/7), over 200 quantities 0.038.
    assert abs(ratio.mean() * 64 - 1) < 4 * 0.038
    moved = x + np.repeat(np.linspace(-1, 1, 8), 64)[None, :, None].astype(np.float32)
    assert np.min(np.asarray(NESTED(moved, 8))) > 1.1


@pytest.mark.parametrize(("shape", "num"), [((5, 6), 4), ((5, 6), 1), ((5, 0), 2)])
def test_nested_needs_equal_superchains(shape, num):
    with pytest.raises(ValueError, match="nested_rhat needs 2 or more equal superchains"):
        diagnostics.nested_rhat(np.zeros(shape), num)
