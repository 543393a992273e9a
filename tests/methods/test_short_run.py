"""Short-run MCMC on energies with closed-form chains, and what it shares with `anatomy`.

E(x) = -θx with steps x' = x - ∇E + s ε: x_K = z + K θ + noise. E(x) = b x² / 2 without noise: x_K = (1 - b)^K z.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.mcmc import Chain, langevin
from ebmjax.methods import anatomy, short_run
from ebmjax.nets import MLPEnergy

S, K = 0.1, 7
TEMPERATURE = S**2 / 2  # gradient steps of 1


class Linear(nn.Module):
    """E(x) = -θ · x."""

    @nn.compact
    def __call__(self, x):
        return -x @ self.param("theta", nn.initializers.zeros, (x.shape[-1],))


class Quadratic(nn.Module):
    """E(x) = b ||x||² / 2."""

    @nn.compact
    def __call__(self, x):
        return 0.5 * self.param("b", nn.initializers.constant(0.2), ()) * jnp.sum(x**2, 1)


def chain(num_steps=K, **options):
    return Chain(partial(langevin, step_size=S, temperature=TEMPERATURE, **options), num_steps)


def method_of(energy, optimizer=None, builder=short_run, shape=(1,), **options):
    options = {"chain": chain(), "temperature": TEMPERATURE, "shape": shape} | options
    return builder(energy, optimizers={"energy": optimizer or optax.sgd(0.0)}, **options)


def test_fixed_point_matches_the_moment():
    """θ* = (mean of the data - mean of the noise) / K; q then has the data's mean and variance 1/3 + K s²."""
    x = 0.8 + 0.5 * jax.random.normal(jax.random.key(0), (256, 1))
    method = method_of(Linear(), optax.sgd(0.05))
    state = method.init(jax.random.key(1), {"x": x})
    step = jax.jit(method.train_step)
    thetas = []
    for _ in range(200):
        state, _ = step(state, {"x": x})
        thetas.append(float(state.params["energy"]["theta"][0]))
    assert thetas[0] > 0  # the energy falls towards the data
    # One update moves θ by .05 (mean x⁺ - mean x⁻), sd .05 · .63 / 16 = .002; the mean of 150 has < .001.
    assert abs(np.mean(thetas[50:]) - np.mean(x) / K) < 0.002
    q = method.sample(state, jax.random.key(2), 20_000)
    assert abs(q.mean() - np.mean(x)) < 0.05  # K · sd of the last θ is .02
    assert abs(q.var() - (1 / 3 + K * S**2)) < 0.02  # sd of a variance of 20,000: < .004


def test_equals_anatomy_from_noise_for_the_same_keys():
    x = {"x": jax.random.normal(jax.random.key(3), (16, 4))}
    options = {"shape": (4,), "data_noise": 0.1, "energy_l2": 0.1, "gradient_penalty": 0.1}
    states = {}
    for builder in (short_run, anatomy):
        method = method_of(MLPEnergy((8,)), optax.adam(1e-2), builder, **options)
        state = method.init(jax.random.key(4), x)
        step = jax.jit(method.train_step)
        for _ in range(2):
            state, metrics = step(state, x)
        states[builder] = state.params, metrics, method.sample(state, jax.random.key(5), 3)
    jax.tree.map(np.testing.assert_array_equal, states[short_run], states[anatomy])


def test_any_number_of_steps_and_none():
    method = method_of(Linear())
    state = method.init(jax.random.key(0), {"x": jnp.zeros((2, 1))})
    state = state._replace(params={"energy": {"theta": jnp.array([0.5])}})
    key, num = jax.random.key(1), 4000
    z = method.functions["sample_steps"](state, key, num, 0)
    assert jnp.all(jnp.abs(z) <= 1) and abs(z.var() - 1 / 3) < 0.02
    for num_steps in (1, 5):
        x = method.functions["sample_steps"](state, key, num, num_steps)
        np.testing.assert_allclose((x - z).mean(), 0.5 * num_steps, atol=4 * S * np.sqrt(num_steps / num))
        np.testing.assert_allclose((x - z).var(), num_steps * S**2, rtol=0.1)
    np.testing.assert_array_equal(method.functions["run"](state, key, z, 0), z)
    assert method.functions["run"](state, key, z[:3]).shape == (3, 1)
    np.testing.assert_allclose(method.functions["energy"](state, z), -0.5 * z[:, 0], rtol=1e-6)


def test_the_map_and_its_gradient():
    """M(z) = (1 - b)^K z and ∂M/∂z = (1 - b)^K, by reverse mode through the whole chain."""
    method = method_of(Quadratic(), map_chain=chain(noise_scale=0), shape=(3,))
    state = method.init(jax.random.key(0), {"x": jnp.zeros((2, 3))})
    decode = partial(method.functions["decode"], state)
    z = jax.random.normal(jax.random.key(1), (5, 3))
    np.testing.assert_allclose(decode(z), 0.8**K * z, rtol=1e-5)
    grad = jax.jit(jax.grad(lambda z: jnp.sum(decode(z) * jnp.arange(3.0))))(z)
    np.testing.assert_allclose(grad, np.broadcast_to(0.8**K * np.arange(3.0), (5, 3)), rtol=1e-5)


def test_without_a_map_chain_the_noise_is_fixed():
    method = method_of(Quadratic(), shape=(3,))
    state = method.init(jax.random.key(0), {"x": jnp.zeros((2, 3))})
    z = jax.random.normal(jax.random.key(1), (4, 3))
    first, second = (method.functions["decode"](state, z) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    moved = method.functions["decode"](state, z + 1) - first  # linear in z, whatever the noise
    np.testing.assert_allclose(moved, 0.8**K, rtol=1e-4)
    assert np.abs(first - 0.8**K * z).max() > 0.01


def test_interpolation_keeps_the_variance_and_the_ends():
    method = method_of(Linear(), map_chain=chain(noise_scale=0), shape=(2,))
    state = method.init(jax.random.key(0), {"x": jnp.zeros((2, 2))})  # θ = 0: M is the identity
    a, b = (method.functions["fresh"](state, jax.random.key(i), 20_000) for i in (1, 2))
    path = method.functions["interpolate"](state, a, b, 5)
    assert path.shape == (20_000, 5, 2)
    np.testing.assert_allclose(path[:, 0], a, atol=1e-6)
    np.testing.assert_allclose(path[:, -1], b, atol=1e-6)
    np.testing.assert_allclose(path.var(axis=0), 1 / 3, atol=0.015)  # sd of a variance of 20,000: < .003
    np.testing.assert_allclose(path[:, 2], (a + b) / np.sqrt(2), atol=1e-6)


def test_reconstruction_inverts_the_map():
    """Even for an energy that has learned nothing: reconstruction is no evidence of learning."""
    method = method_of(Quadratic(), map_chain=chain(noise_scale=0), shape=(3,))
    state = method.init(jax.random.key(0), {"x": jnp.zeros((2, 3))})
    x = 0.2 * jax.random.normal(jax.random.key(1), (4, 3))
    reconstruct = partial(method.functions["reconstruct"], num_iterations=300, learning_rate=0.05)
    found, z = jax.jit(reconstruct)(state, jax.random.key(2), x)
    np.testing.assert_allclose(found, x, atol=1e-3)
    np.testing.assert_allclose(z, x / 0.8**K, atol=5e-3)


def test_bad_settings_are_refused_in_one_line():
    for name, value in {"noise": "cauchy", "data_noise": -0.1, "temperature": 0.0, "initial_scale": 0.0}.items():
        with pytest.raises(ValueError, match=name):
            method_of(Linear(), **{name: value})
    with pytest.raises(ValueError, match="built for examples"):
        method_of(Linear()).init(jax.random.key(0), {"x": jnp.zeros((2, 5))})
