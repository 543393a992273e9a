"""Wake-sleep and ALI on linear networks: what moves which network, the truth as a fixed point, losses by hand."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import ali, wake_sleep
from ebmjax.methods.ali import discriminator_value, generator_loss
from ebmjax.methods.encoded import Pass, make_model
from ebmjax.methods.wake_sleep import objective

W, SIGMA = 1.5, 0.7
GAIN, VARIANCE = W / (W**2 + SIGMA**2), SIGMA**2 / (W**2 + SIGMA**2)
"""Of the exact posterior N(GAIN x, VARIANCE) of x = W z + SIGMA e."""


class Linear(nn.Module):
    """w z."""

    w: float

    @nn.compact
    def __call__(self, z):
        return self.param("w", nn.initializers.constant(self.w), ()) * z


class Posterior(nn.Module):
    """N(k x, exp(v))."""

    k: float
    v: float

    @nn.compact
    def __call__(self, x):
        k, v = (self.param(name, nn.initializers.constant(getattr(self, name)), ()) for name in "kv")
        return k * x, v * jnp.ones_like(x)


class Odds(nn.Module):
    """a x + b z."""

    @nn.compact
    def __call__(self, x, z):
        a, b = (self.param(name, nn.initializers.constant(value), ()) for name, value in (("a", 0.3), ("b", -0.8)))
        return (a * x + b * z)[:, 0]


NETS = {"generator": Linear(W), "encoder": Posterior(GAIN, float(np.log(VARIANCE))), "energy": Odds()}


def model_and_params(names):
    model = make_model({name: NETS[name] for name in names}, latent_dim=1, sigma=SIGMA, fill_steps=1)
    one = jnp.zeros((1, 1))
    inputs = {"generator": (one,), "encoder": (one,), "energy": (one, one)}
    return model, {name: NETS[name].init(jax.random.key(0), *inputs[name])["params"] for name in names}


def value_of(loss, model, params, *drawn):
    return loss(model, *drawn, Pass(model, params, {name: {} for name in params}))[0]


def data(num, seed=1):
    return np.sqrt(W**2 + SIGMA**2) * jax.random.normal(jax.random.key(seed), (num, 1))


def test_the_truth_is_a_fixed_point_of_wake_sleep():
    """In 400 batches of 500 the mean gradient is within four standard errors of 0, of the two networks' parameters."""
    model, params = model_and_params(("generator", "encoder"))
    gradient = jax.grad(partial(value_of, objective, model), argnums=0)
    keys = jax.random.split(jax.random.key(2), 400)
    found = jax.jit(jax.vmap(lambda key: gradient(params, _fresh(key), None, key)))(keys)
    for leaf in jax.tree.leaves(found):
        assert abs(np.mean(leaf)) < 4 * np.std(leaf) / np.sqrt(len(leaf))
    other = params | {"encoder": {"k": jnp.float32(0.2), "v": params["encoder"]["v"]}}
    slope = jax.jit(jax.vmap(lambda key: gradient(other, _fresh(key), None, key)))(keys)["encoder"]["k"]
    # E_P[-log q] = (E (z - k x)²) / (2 exp v) + ...: its slope is (k E x² - E x z) / exp v.
    expected = (0.2 * (W**2 + SIGMA**2) - W) / VARIANCE
    assert abs(np.mean(slope) - expected) < 4 * np.std(slope) / np.sqrt(len(slope))


def _fresh(key):
    return np.sqrt(W**2 + SIGMA**2) * jax.random.normal(jax.random.fold_in(key, 7), (500, 1))


def test_dreams_alone_move_the_encoder_and_data_alone_the_generator():
    model, params = model_and_params(("generator", "encoder"))
    gradient = jax.jit(jax.grad(partial(value_of, objective, model)))
    x, key = data(8), jax.random.key(4)
    one, other = gradient(params, x, None, key), gradient(params, 2 * x, None, key)
    np.testing.assert_array_equal(one["encoder"]["k"], other["encoder"]["k"])
    assert one["generator"]["w"] != other["generator"]["w"]
    # The generator at fixed z: mean (w z - x) z / σ²; nothing of the dream's density.
    q_key = jax.random.split(key, 3)[0]
    z = GAIN * x + np.sqrt(VARIANCE) * jax.random.normal(q_key, (8, 1))
    np.testing.assert_allclose(one["generator"]["w"], np.mean((W * z - x) * z) / SIGMA**2, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_the_losses_of_ali_by_hand(weight):
    model, params = model_and_params(("generator", "encoder", "energy"))
    x, key = data(6), jax.random.key(5)
    q_key, z_key = jax.random.split(key)
    inferred = GAIN * x + np.sqrt(VARIANCE) * jax.random.normal(q_key, (6, 1))
    z = jax.random.normal(z_key, (6, 1))
    of_data, of_samples = 0.3 * x - 0.8 * inferred, 0.3 * W * z - 0.8 * z
    log_sigmoid = lambda d: -np.log1p(np.exp(-d))
    value = np.mean(log_sigmoid(of_data)) + np.mean(log_sigmoid(-of_samples))
    np.testing.assert_allclose(value_of(discriminator_value, model, params, x, None, key), value, rtol=1e-5)
    swapped = np.mean(log_sigmoid(of_samples)) + np.mean(log_sigmoid(-of_data))
    expected = weight * np.mean((x - W * inferred) ** 2) / (2 * SIGMA**2) - swapped
    found = generator_loss(model, weight, x, None, key, Pass(model, params, {name: {} for name in params}))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_discriminator_climbs_and_the_others_descend():
    """One step of every network, at the rate .1: by hand, each with the newest parameters of the others."""
    optimizers = {name: optax.sgd(0.1) for name in NETS}
    method = ali(NETS["energy"], NETS["generator"], NETS["encoder"], optimizers=optimizers, sigma=SIGMA, latent_dim=1)
    state = method.init(jax.random.key(0), {"x": data(6)})
    new, metrics = jax.jit(method.train_step)(state, {"x": data(6)})
    model, params = model_and_params(("generator", "encoder", "energy"))
    drawn = data(6), None, jax.random.fold_in(state.rng_key, 0)
    up = jax.grad(partial(value_of, discriminator_value, model))(params, *drawn)["energy"]
    after = params | {"energy": jax.tree.map(lambda p, g: p + 0.1 * g, params["energy"], up)}
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), new.params["energy"], after["energy"])
    down = jax.grad(partial(value_of, partial(_loss, 0.0), model))(after, *drawn)["encoder"]
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, params["encoder"], down)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), new.params["encoder"], expected)
    assert int(new.step) == 1 and 0 <= metrics["accuracy"] <= 1


def _loss(weight, model, x, mask, key, nets):
    return generator_loss(model, weight, x, mask, key, nets)


def test_refusals():
    for build, options in ((ali, {"weight": -1.0}), (wake_sleep, {"sigma": 0.0})):
        nets = list(NETS.values()) if build is ali else list(NETS.values())[:2]
        with pytest.raises(ValueError, match="must be"):
            build(*nets, optimizers={}, latent_dim=1, **({"sigma": SIGMA} | options))
