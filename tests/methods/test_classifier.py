import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import classifier
from ebmjax.nets import MLP

OPTIMIZERS = {"classifier": optax.sgd(0.1)}
X = jax.random.normal(jax.random.key(1), (6, 3))
LABELS = jnp.array([0, 1, 2, 0, 1, 2])


def linear(**options):
    return classifier(MLP((3,)), optimizers=OPTIMIZERS, **options)


def test_gradient_is_that_of_softmax_regression():
    method = linear()
    batch = {"x": X, "label": LABELS}
    state = method.init(jax.random.key(0), batch)
    step = jax.jit(method.train_step, compiler_options={"xla_backend_optimization_level": 0})
    after, metrics = step(state, batch)
    dense = [s.params["classifier"]["Dense_0"] for s in (state, after)]
    odds = np.exp(np.asarray(X) @ dense[0]["kernel"] + dense[0]["bias"])
    error = odds / odds.sum(1, keepdims=True) - np.eye(3)[np.asarray(LABELS)]
    np.testing.assert_allclose(dense[1]["kernel"], dense[0]["kernel"] - 0.1 * X.T @ error / 6, atol=1e-6)
    np.testing.assert_allclose(dense[1]["bias"], dense[0]["bias"] - 0.1 * error.mean(0), atol=1e-6)
    figures = method.evaluate(state, jax.random.key(0), batch)
    np.testing.assert_allclose(metrics["cross_entropy"], jnp.mean(figures["cross_entropy"]), rtol=1e-6)


def test_learns_from_the_labelled_part_alone():
    method = linear()
    batch = {"x": jnp.full((6, 3), jnp.nan), "labelled": {"x": X, "label": LABELS}}
    state = method.init(jax.random.key(0), batch)
    one, _ = method.train_step(state, batch)
    other, _ = method.train_step(state, {"x": X, "label": LABELS})
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)


class Scaled(nn.Module):
    """Logits w x, w = 1."""

    @nn.compact
    def __call__(self, x):
        return self.param("w", nn.initializers.ones, ()) * x


def test_noise_has_its_standard_deviation():
    """Two logits that are noise alone differ by d ~ N(0, 2σ²): the cross entropy is E log(1 + exp(d))."""
    sigma, num = 2.0, 40_000
    method = classifier(Scaled(), optimizers=OPTIMIZERS, input_noise=sigma, features=lambda x: 0.0 * x)
    batch = {"x": jnp.ones((num, 2)), "label": jnp.zeros(num, jnp.int32)}
    _, metrics = method.train_step(method.init(jax.random.key(0), batch), batch)
    d = np.linspace(-10, 10, 2001) * np.sqrt(2) * sigma
    weights = np.exp(-0.25 * (d / sigma) ** 2)
    values = np.logaddexp(0, d)
    mean = np.average(values, weights=weights)
    error = np.sqrt(np.average((values - mean) ** 2, weights=weights) / num)
    assert abs(metrics["cross_entropy"] - mean) < 5 * error  # that of σ 3 % larger is 5 such errors off


def test_refused():
    with pytest.raises(ValueError, match="input_noise"):
        linear(input_noise=-1.0)
    with pytest.raises(ValueError, match="needs labels"):
        linear().init(jax.random.key(0), {"x": X})
