"""Learning with chains from noise, data or a bank: signs, fixed points, what is reported, and the bank's behaviour."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.evaluation import distinct_samples
from ebmjax.mcmc import Chain, langevin, mala
from ebmjax.mcmc.bank import all_chains, make_bank
from ebmjax.methods import anatomy
from ebmjax.nets import MLPEnergy


class Quadratic(nn.Module):
    """E(x) = b ||x||² / 2, with b = 1 at first."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * self.param("b", nn.initializers.ones, ()) * jnp.sum(x**2, 1)


def chain(num_steps, step_size=0.1, kernel=langevin, **options):
    return Chain(partial(kernel, step_size=step_size, **options), num_steps)


def method_of(energy=None, optimizer=None, shape=(1,), **options):
    optimizers = {"energy": optimizer or optax.sgd(0.0)}
    return anatomy(energy or Quadratic(), optimizers=optimizers, shape=shape, **({"chain": chain(5)} | options))


def gaussian(num, seed=0):
    """x[num, 1] whose mean is 0 and mean square 1 up to rounding."""
    x = jax.random.normal(jax.random.key(seed), (num, 1))
    x = x - x.mean()
    return x / jnp.sqrt(jnp.mean(x**2))


@pytest.mark.parametrize(
    ("kernel", "expected"), [(langevin, 0.8), (mala, 1.0)], ids=["langevin learns a biased energy", "mala does not"]
)
def test_fixed_point_of_maximum_likelihood(kernel, expected):
    """Chains of step ε fit their own variance V to the data's: 1 / b = (V / 2)(1 + √(1 - ε² / V)), .8 for ε = .8.

    An exact sampler learns 1 / b = V = 1.
    """
    num = 4096
    options = {"initial": "bank", "bank": make_bank(num, num), "noise": "normal"}
    method = method_of(optimizer=optax.sgd(0.3), chain=chain(5, 0.8, kernel), **options)
    batch = {"x": gaussian(256)}
    state = method.init(jax.random.key(0), batch)

    def step(state, _):
        state, metrics = method.train_step(state, batch)
        return state, (state.params["energy"]["b"], metrics["d_s"])

    state, (b, d_s) = jax.jit(lambda s: jax.lax.scan(step, s, None, length=300))(state)
    # An update has noise .3 · ½ · √(2 / 4096) = .0033 and pulls back by .3 · ½: the mean of 200 has sd < .003 in b.
    np.testing.assert_allclose(1 / b[100:].mean(), expected, atol=0.015)
    np.testing.assert_allclose(np.var(state.extra["chains"]), 1.0, atol=0.1)  # sd √(2 / 4096) = .022
    assert abs(d_s[100:].mean()) < 0.01


def test_a_perfect_model_oscillates_weakly():
    """Exact samples on both sides: E d_s = 0, sd √(½ (1/n + 1/m)), no correlation between steps."""
    n, num = 64, 2000
    method = method_of(chain=chain(0), noise="normal")
    state = method.init(jax.random.key(0), {"x": jnp.zeros((n, 1))})

    def step(state, key):
        state, metrics = method.train_step(state, {"x": jax.random.normal(key, (n, 1))})
        return state, metrics["d_s"]

    d_s = jax.jit(lambda s: jax.lax.scan(step, s, jax.random.split(jax.random.key(1), num)))(state)[1]
    sd = np.sqrt(0.5 * 2 / n)
    assert abs(d_s.mean()) < 4 * sd / np.sqrt(num)
    np.testing.assert_allclose(d_s.std(), sd, rtol=4 / np.sqrt(2 * num))
    assert abs(np.corrcoef(d_s[1:], d_s[:-1])[0, 1]) < 4 / np.sqrt(num)


def test_what_is_reported():
    """Noise-free descent on x² / 2 with a = s² / (2T) = .5: x_k = .5^k x_0; r_s averages |x_k| over k = 0 ... K - 1."""
    temperature = 0.04
    descent = chain(3, np.sqrt(temperature), temperature=temperature, noise_scale=0)
    method = method_of(chain=descent, initial="data", temperature=temperature)
    x = gaussian(32)
    state = method.init(jax.random.key(0), {"x": x})
    _, metrics = jax.jit(method.train_step)(state, {"x": x})
    np.testing.assert_allclose(metrics["r_s"], np.abs(x).mean() * (1 + 0.5 + 0.25) / 3, rtol=1e-5)
    np.testing.assert_allclose(metrics["energy_pos"], 0.5, rtol=1e-5)
    np.testing.assert_allclose(metrics["energy_neg"], 0.5 / 64, rtol=1e-5)
    np.testing.assert_allclose(metrics["energy_gap"], 0.5 * (1 - 1 / 64), rtol=1e-5)
    np.testing.assert_allclose(metrics["d_s"], metrics["energy_gap"] / temperature, rtol=1e-6)
    # ∂/∂b of the loss is ½ (mean x⁺² - mean x⁻²).
    np.testing.assert_allclose(metrics["grad_norm_energy"], 0.5 * (1 - 1 / 64), rtol=1e-5)
    assert metrics["num_nonfinite"] == 0


@pytest.mark.slow
def test_the_temperature_that_is_reported_changes_no_update():
    x = {"x": gaussian(16)}
    found = {}
    for temperature in (1.0, 0.01):
        method = method_of(MLPEnergy((8,)), optax.sgd(0.1), temperature=temperature)
        found[temperature] = jax.jit(method.train_step)(method.init(jax.random.key(0), x), x)
    jax.tree.map(np.testing.assert_array_equal, found[1.0][0].params, found[0.01][0].params)
    np.testing.assert_allclose(found[0.01][1]["d_s"], 100 * found[1.0][1]["d_s"], rtol=1e-5)


def test_a_constant_added_to_the_energy_never_learns():
    x = {"x": gaussian(16)}
    method = method_of(MLPEnergy((8,)), optax.sgd(1.0))
    old = method.init(jax.random.key(0), x)
    shift = lambda state, c: jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf + c if "Dense_1" in str(path) and "bias" in str(path) else leaf, state.params
    )
    step = jax.jit(method.train_step)
    new, metrics = step(old, x)
    shifted, shifted_metrics = step(old._replace(params=shift(old, 4.0)), x)
    last = lambda state: state.params["energy"]["MLP_0"]["Dense_1"]
    np.testing.assert_array_equal(last(old)["bias"], last(new)["bias"])
    np.testing.assert_allclose(last(shifted)["kernel"], last(new)["kernel"], atol=1e-6)
    np.testing.assert_allclose(shifted_metrics["energy_gap"], metrics["energy_gap"], atol=1e-5)
    np.testing.assert_allclose(shifted_metrics["energy_pos"], metrics["energy_pos"] + 4, atol=1e-5)


def test_data_noise_adds_its_variance():
    """Data at 0 with noise σ: mean E(x⁺) = σ² / 2; with chains that stay there, the gap is 0."""
    method = method_of(chain=chain(0), initial="data", data_noise=0.3)
    state = method.init(jax.random.key(0), {"x": jnp.zeros((40_000, 1))})
    _, metrics = jax.jit(method.train_step)(state, {"x": jnp.zeros((40_000, 1))})
    np.testing.assert_allclose(2 * metrics["energy_pos"], 0.09, rtol=4 * np.sqrt(2 / 40_000))
    assert metrics["energy_gap"] == 0


@pytest.mark.parametrize(("noise", "square"), [("normal", 4.0), ("uniform", 4 / 3)])
def test_fresh_chains_have_their_scale(noise, square):
    """Ends of no step at all, of N(0, 4) or U(-2, 2): mean E(x⁻) is half the mean square."""
    num = 4000
    x = {"x": jnp.zeros((num, 1))}
    method = method_of(chain=chain(0), noise=noise, initial_scale=2.0)
    _, metrics = jax.jit(method.train_step)(method.init(jax.random.key(0), x), x)
    np.testing.assert_allclose(2 * metrics["energy_neg"], square, rtol=4 * np.sqrt(2 / num))


def test_data_starts_and_steps_have_draws_of_their_own():
    """x⁺ = ε of N(0, 1); x⁻ the same for no step, and √2 ε for one of s² = 2 on x² / 2, which forgets its start."""
    num = 1000
    x, spreads = {"x": jnp.zeros((num, 1))}, []
    for num_steps in (0, 1):
        method = method_of(chain=chain(num_steps, np.sqrt(2)), noise="normal", data_noise=1.0)
        _, metrics = jax.jit(method.train_step)(method.init(jax.random.key(0), x), x)
        spreads += [float(metrics["energy_pos"]), float(metrics["energy_neg"]) / (1 + num_steps)]
    np.testing.assert_allclose(spreads, 0.5, rtol=4 * np.sqrt(2 / num))
    assert len({round(value, 5) for value in spreads}) == 3  # x⁺ twice the same, and two others


def test_penalties_have_the_weights_they_say():
    """E = b x² / 2 at b = 1, mean x⁺² = 1: ∂/∂b of γ b² mean x⁺² / 2 is γ, of λ (mean E⁺² + mean E⁻²) λ b mean x⁴."""
    x = gaussian(64)
    grads = {}
    for name in ("none", "gradient_penalty", "energy_l2"):
        options = {} if name == "none" else {name: 0.7}
        method = method_of(optimizer=optax.sgd(1.0), chain=chain(0), initial="data", **options)
        state, metrics = jax.jit(method.train_step)(method.init(jax.random.key(0), {"x": x}), {"x": x})
        grads[name] = 1 - state.params["energy"]["b"]
        assert ("gradient_penalty" in metrics) == (name == "gradient_penalty")
    np.testing.assert_allclose(grads["none"], 0, atol=1e-6)
    np.testing.assert_allclose(grads["gradient_penalty"], 0.7, rtol=1e-5)
    np.testing.assert_allclose(grads["energy_l2"], 0.7 * np.mean(x**4), rtol=1e-5)


@pytest.mark.slow
def test_only_drawn_chains_of_the_bank_change_and_only_in_training():
    bank = make_bank(50, 12)
    method = method_of(initial="bank", bank=bank, initial_scale=2.0)
    batch = {"x": gaussian(32)}  # more data than chains: they need not be equally many
    old = method.init(jax.random.key(0), batch)
    start = np.asarray(all_chains(bank, old.extra["chains"]))
    assert start.shape == (50, 1) and np.abs(start).max() <= 2 < np.abs(start).max() + 0.3
    new, _ = jax.jit(method.train_step)(old, batch)
    changed = np.asarray(all_chains(bank, new.extra["chains"])) != start
    assert changed.sum() == 12
    assert np.all(np.asarray(method.functions["starts"](new, jax.random.key(1), 20)) <= 2.5)
    sample = method.sample(new, jax.random.key(2), 70)  # more than the bank holds
    assert sample.shape == (70, 1)
    assert method.functions["fresh"](new, jax.random.key(3), 4).shape == (4, 1)


def test_samples_of_a_bank_are_its_chains_and_no_more_than_these():
    """By a chain of no steps: every chain once, in random order; two keys differ, more begin with the fewer."""
    bank = make_bank(30, 6)
    method = method_of(chain=chain(0), initial="bank", bank=bank)
    state = method.init(jax.random.key(0), {"x": gaussian(8)})
    kept = np.sort(np.asarray(all_chains(bank, state.extra["chains"])), axis=0)
    draw = lambda seed, num: distinct_samples(method, state, jax.random.key(seed), num, 8)
    all_of, few = draw(1, 30), draw(1, 11)
    np.testing.assert_array_equal(np.sort(all_of, axis=0), kept)
    np.testing.assert_array_equal(all_of[:11], few)
    assert np.any(draw(2, 30) != all_of) and np.any(all_of != kept)
    with pytest.raises(ValueError, match="31 samples of 30 persistent chains would hold near-copies: draw at most 30"):
        draw(1, 31)
    # `sample` by itself repeats a chain only after all have had their turn.
    once = np.asarray(method.sample(state, jax.random.key(3), 45))
    assert len(np.unique(once[:30])) == 30 and len(np.unique(once)) == 30


def test_fresh_samples_start_in_noise_and_run_for_their_own_number_of_steps():
    bank = make_bank(4, 4)
    method = method_of(chain=chain(2), initial="bank", bank=bank, fresh_steps=5, initial_scale=0.5)
    state = method.init(jax.random.key(0), {"x": gaussian(8)})
    state = state._replace(extra={"chains": state.extra["chains"] + 100.0})
    x = distinct_samples(method, state, jax.random.key(1), 16, 16)
    start_key, chain_key = jax.random.split(jax.random.fold_in(jax.random.key(1), 0))
    start = method.functions["fresh"](state, start_key, 16)
    expected = method.functions["run"](state, chain_key, start, num_steps=5)
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_chains_of_the_bank_start_afresh_with_the_probability(probability):
    bank = make_bank(4000, 4000)
    method = method_of(chain=chain(0), initial="bank", bank=bank, reinitialise=probability)
    state = method.init(jax.random.key(0), {"x": gaussian(8)})
    new, _ = jax.jit(method.train_step)(state, {"x": gaussian(8)})
    changed = np.asarray(new.extra["chains"]) != np.asarray(state.extra["chains"])
    fraction = np.mean(changed)
    # Binomial: sd √(.3 · .7 / 4000) = .007
    assert abs(fraction - probability) <= (0.03 if probability else 0)
    # Coins and noise have keys of their own: what starts afresh is U(-1, 1), of variance 1/3.
    assert not probability or abs(np.mean(new.extra["chains"][changed])) < 4 / np.sqrt(3 * changed.sum())


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="fresh_steps = -1 must be ≥ 0"):
        method_of(fresh_steps=-1)
    with pytest.raises(ValueError, match="initial = 'replay' must be one of"):
        method_of(initial="replay")
    for options in ({"initial": "bank"}, {"bank": make_bank(10, 2)}):
        with pytest.raises(ValueError, match="pass a bank if and only if"):
            method_of(**options)
    with pytest.raises(ValueError, match="reinitialise"):
        method_of(initial="bank", bank=make_bank(10, 2), reinitialise=1.5)
