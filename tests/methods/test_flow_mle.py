"""Maximum likelihood of a flow: closed forms of its gradient and optimum, dequantisation, shapes and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import norm

from ebmjax.flows import bin_width, bits_per_dim, diagonal_affine, make_flow, triangular_affine
from ebmjax.methods import flow_mle

KEY = jax.random.key(0)
X = {"x": 2.0 + 0.5 * np.random.RandomState(0).standard_normal((500, 2)).astype(np.float32)}
IMAGES = {"x": np.random.RandomState(0).randint(0, 17, (8, 4, 4, 1)).astype(np.float32) / 8 - 1}


def test_one_step_from_the_identity():
    """d/dshift of -log N(x; shift, e^2s) at (0, 0) is -mean x, and d/ds is 1 - mean x²; a rate of 1 subtracts them."""
    method = flow_mle(diagonal_affine(2), optimizers={"flow": optax.sgd(1.0)})
    state, metrics = jax.jit(method.train_step)(method.init(KEY, X), X)
    x = X["x"]
    np.testing.assert_allclose(state.params["flow"]["shift"], x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state.params["flow"]["log_scale"], (x**2).mean(0) - 1, rtol=1e-5)
    np.testing.assert_allclose(metrics["log_likelihood"], norm.logpdf(x).sum(1).mean(), rtol=1e-5)
    assert set(metrics) == {"log_likelihood", "grad_norm_flow"} and state.step == 1


def test_it_finds_the_gaussian():
    """The optimum of a triangular affine flow has the mean and the covariance of the data."""
    method = flow_mle(triangular_affine(2), optimizers={"flow": optax.adam(0.05)})
    train = jax.jit(lambda state: jax.lax.scan(lambda s, _: method.train_step(s, X), state, length=600)[0])
    state = train(method.init(KEY, X))
    x = method.sample(state, KEY, 20_000)
    np.testing.assert_allclose(np.mean(x, 0), X["x"].mean(0), atol=0.02)  # four standard errors: 0.014
    np.testing.assert_allclose(np.cov(x.T), np.cov(X["x"].T), atol=0.012)  # of a variance of 0.25: 0.01
    cool = method.functions["sample"](state, KEY, 20_000, 0.5)
    np.testing.assert_allclose(np.cov(cool.T), np.cov(X["x"].T) / 4, atol=0.004)


def test_images_are_dequantised_with_fresh_noise():
    """Log-likelihoods differ between keys, by steps of training too, and stay on [-1, 1]: bits/dim of its density."""
    method = flow_mle(make_flow("diagonal_affine", (4, 4, 1)), optimizers={"flow": optax.sgd(0.0)}, num_levels=17)
    state = method.init(KEY, IMAGES)
    first, metrics = jax.jit(method.train_step)(state, IMAGES)
    assert metrics["log_likelihood"] != jax.jit(method.train_step)(first, IMAGES)[1]["log_likelihood"]
    assert metrics["log_likelihood"] == jax.jit(method.train_step)(state, IMAGES)[1]["log_likelihood"]
    found = method.evaluate(state, KEY, IMAGES)
    np.testing.assert_array_equal(found["log_likelihood"], method.functions["log_likelihood"](state, KEY, IMAGES["x"]))
    np.testing.assert_allclose(
        found["bits_per_dim"], bits_per_dim(found["log_likelihood"], 16, bin_width(17)), rtol=1e-6
    )
    z = method.functions["encode"](state, KEY, IMAGES["x"])
    x = method.functions["decode"](state, z)
    assert z.shape == (8, 16) and x.shape == (8, 4, 4, 1)
    assert np.all(np.abs(x) <= 1) and 0 < np.max(np.abs(x - IMAGES["x"])) < bin_width(17) * 1.1
    np.testing.assert_allclose(-method.functions["energy"](state, x), found["log_likelihood"], rtol=1e-5)
    assert method.sample(state, KEY, 3).shape == (3, 4, 4, 1)


def test_bad_input_is_refused():
    adam = {"flow": optax.adam(1e-3)}
    with pytest.raises(ValueError, match="must be at least 2"):
        flow_mle(diagonal_affine(2), optimizers=adam, num_levels=1)
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        flow_mle(diagonal_affine(3), optimizers=adam).init(KEY, X)
    with pytest.raises(ValueError, match=r"optimizers for \['generator'\]"):
        flow_mle(diagonal_affine(2), optimizers={"generator": optax.adam(1e-3)}).init(KEY, {"x": jnp.zeros((2, 2))})
