"""The variational auto-encoder of sentences, its updates by hand, with a decoder of independent words."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax import sgd

from ebmjax.methods import VAETraining, text_vae
from ebmjax.methods.base import step_key
from ebmjax.objectives import kl_to_normal
from ebmjax.objectives.amortised import draw_diagonal, linear_weight
from ebmjax.types import EOS, PAD

X = jnp.array([[4, 5, EOS, PAD], [EOS, PAD, PAD, PAD], [4, 4, 5, EOS]])
BATCH = {"x": X, "index": jnp.arange(3)}
RATE = 0.1


def log_prob(u, z, x):
    """log p(x | z) of words that are independent given z: softmax(u Σ z)."""
    each = jnp.take_along_axis(jax.nn.log_softmax(u * jnp.sum(z, axis=1, keepdims=True)), x, axis=1)
    return jnp.sum(jnp.where(x != PAD, each, 0.0), axis=1)


class Words(nn.Module):
    def setup(self):
        self.u = self.param("u", lambda key: jnp.array([0.5, -0.3, 0.2, 0.7, -0.6, 0.1]))

    def __call__(self, z, x):
        return log_prob(self.u, z, x)

    def log_prob(self, z, x, inputs=None, train=False):
        return log_prob(self.u, z, x)


class Encoder(nn.Module):
    """Mean (.2, 3) and log-variance (-.5, -1) to begin with, the same for all sentences."""

    @nn.compact
    def __call__(self, x):
        mean, log_variance = (self.param(name, lambda key, v=v: jnp.array(v)) for name, v in START.items())
        return jnp.tile(mean, (len(x), 1)), jnp.tile(log_variance, (len(x), 1))


START = {"mean": [0.2, 3.0], "log_variance": [-0.5, -1.0]}


def made(**training):
    method = text_vae(
        Words(),
        Encoder(),
        optimizers={"generator": sgd(RATE), "encoder": sgd(RATE)},
        latent_dim=2,
        length=4,
        training=VAETraining(**training),
    )
    return method, method.init(jax.random.key(0), BATCH)


def by_hand(params, key, kl_weight, free_nats=0.0):
    """The loss: of the two dimensions the first has a KL of .07 nats, the second one of 4.7."""
    mean, log_variance = Encoder().apply({"params": params["encoder"]}, X)
    z = draw_diagonal(jax.random.split(key)[0], mean, log_variance)
    part = slice(1, 2) if free_nats else slice(0, 2)
    kl = kl_to_normal(mean[:, part], log_variance[:, part])
    return jnp.mean(kl_weight * kl - log_prob(params["generator"]["u"], z, X))


def moved(params, grads, groups=("generator", "encoder")):
    step = lambda p, g: p - RATE * g
    return params | {group: jax.tree.map(step, params[group], grads[group]) for group in groups}


@pytest.mark.parametrize("free_nats", [0.0, 0.5])
def test_a_step(free_nats):
    """Both groups descend nll + β KL, without the dimension whose KL is below the free nats."""
    method, state = made(kl_weight=lambda step: 0.25 + step, free_nats=free_nats)
    after, metrics = jax.jit(method.train_step)(state, BATCH)
    key = jax.random.fold_in(step_key(state), 0)
    expected = moved(state.params, jax.grad(by_hand)(state.params, key, 0.25, free_nats))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), after.params, expected)
    assert float(metrics["kl"]) == pytest.approx(0.0733 + 4.6839, abs=1e-3)  # nothing is left out of what is reported
    assert metrics["kl_weight"] == 0.25 and after.step == 1


def test_aggressive_training():
    """Two updates of the encoder, then one of the decoder alone; from aggressive_steps on, one of both."""
    method, state = made(encoder_steps=2, aggressive_steps=1)
    step = jax.jit(method.train_step)
    after = step(state, BATCH)[0]
    params, gradient = state.params, jax.jit(jax.grad(by_hand))
    keys = [jax.random.fold_in(step_key(state), i) for i in range(3)]
    for key in keys[1:]:
        params = moved(params, gradient(params, key, 1.0), ("encoder",))
    params = moved(params, gradient(params, keys[0], 1.0), ("generator",))
    check = lambda found, expected: jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, expected
    )
    check(after.params, params)
    params = moved(params, gradient(params, jax.random.fold_in(step_key(after), 0), 1.0))
    check(step(after, BATCH)[0].params, params)
    with pytest.raises(ValueError, match="at least 0"):
        made(encoder_steps=-1)


def test_likelihood_against_the_integral():
    """Importance sampling from a q wider than the prior, against a grid over Σ z ~ N(0, 2)."""
    method, state = made()
    wide = {"mean": jnp.array([0.1, -0.1]), "log_variance": jnp.array([0.3, 0.2])}
    state = state._replace(params=state.params | {"encoder": wide})
    estimate = jax.jit(lambda key: method.functions["log_likelihood"](state, key, X, num_samples=4000))
    total = np.linspace(-9, 9, 2001)
    weights = np.exp(-(total**2) / 4)
    values = np.stack([log_prob(state.params["generator"]["u"], jnp.asarray(total[:, None]), x[None]) for x in X])
    exact = np.log(np.exp(values) @ weights / weights.sum())
    # Weights' sd is below their mean: 4,000 draws give .016 at most.
    np.testing.assert_allclose(estimate(jax.random.key(1)), exact, atol=0.06)


def test_a_rising_weight():
    """From .1 to 1 in so many steps; 1 from the start in none."""
    found = [float(linear_weight(step, 10.0)) for step in (0, 5, 10, 50)]
    np.testing.assert_allclose(found, [0.1, 0.55, 1, 1], rtol=1e-6)
    assert float(linear_weight(1, 0.0)) == 1.0
