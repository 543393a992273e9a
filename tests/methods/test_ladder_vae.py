"""The ladder VAE: its inference is exact where the model is linear, and the contract of a method."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebmjax.methods import ladder_vae, vae
from ebmjax.methods.ladder_vae import combined
from ebmjax.nets import FlatLatents, LayeredEncoder, MultilayerMLPGenerator

A, D, SIGMA = 0.8, 0.5, 0.3
VARIANCE = A**2 + D**2 + SIGMA**2
SGD = {group: optax.sgd(1e-2) for group in ("generator", "encoder")}


class LinearLayers(nn.Module):
    """h = A z2 + D z1, x = h."""

    @nn.compact
    def __call__(self, z, infer=None):
        a, z = self.param("a", nn.initializers.constant(A), ()), {"z1": z[:, :1], "z2": z[:, 1:]}
        top = infer("z2", z["z2"], jnp.zeros_like(z["z2"]), jnp.ones_like(z["z2"])) if infer else z["z2"]
        return a * top + D * (infer("z1", z["z1"], a * top, jnp.full_like(top, D)) if infer else z["z1"])


class ExactEncoder(nn.Module):
    """Of h: the likelihood N(x, σ²). Of z2: the posterior."""

    @nn.compact
    def __call__(self, x):
        a = self.param("a", nn.initializers.constant(A), ())
        mean = jnp.concatenate([x, a / VARIANCE * x], axis=1)
        variance = jnp.array([SIGMA**2, (D**2 + SIGMA**2) / VARIANCE])
        return mean, jnp.broadcast_to(jnp.log(variance), mean.shape)


def test_exact_inference_of_a_linear_generator():
    """With the likelihood of h as the encoder's Gaussian, q is the posterior: every importance weight is p(x)."""
    method = ladder_vae(LinearLayers(), ExactEncoder(), optimizers={}, sigma=SIGMA, latent_dims=(1, 1))
    x = jnp.array([[-1.5], [0.2], [2.0]])
    state = method.init(jax.random.key(0), {"x": x})
    found = method.functions["log_likelihood"](state, jax.random.key(1), x, num_samples=2)
    expected = -0.5 * x[:, 0] ** 2 / VARIANCE - 0.5 * np.log(2 * np.pi * VARIANCE)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    z = method.functions["encode"](state, jax.random.key(1), x)
    np.testing.assert_allclose(z, x * jnp.array([D, A]) / VARIANCE, rtol=1e-5)  # the posterior's mean


def test_precisions_add():
    """1 / (1 / v + 1), and its mean weighted by precision, far from 1 too."""
    mean, log_v = jnp.array([2.0, -1.0, 3.0]), jnp.array([-30.0, 0.7, 30.0])
    m, log_variance = combined(mean, log_v)
    variance = 1 / (np.exp(-np.asarray(log_v, float)) + 1)
    np.testing.assert_allclose(np.exp(log_variance), variance, rtol=1e-5)
    np.testing.assert_allclose(m, mean * np.exp(-np.asarray(log_v, float)) * variance, rtol=1e-5)


SHAPE, DIMS = (4, 4, 1), (3, 2)
X = jax.random.uniform(jax.random.key(5), (6, *SHAPE), minval=-1, maxval=1)
BUILD = {"vae": partial(vae, latent_dim=5), "ladder_vae": partial(ladder_vae, latent_dims=DIMS)}


@pytest.fixture(scope="module", params=sorted(BUILD))
def built(request):
    """kl_weight -> (method, its first state)."""
    nets = FlatLatents(MultilayerMLPGenerator(SHAPE, (4,)), DIMS), LayeredEncoder(DIMS, (6,))

    def build(kl_weight):
        method = BUILD[request.param](*nets, optimizers=SGD, sigma=0.5, kl_weight=kl_weight)
        return method, jax.jit(method.init)(jax.random.key(0), {"x": X})

    return build


def test_a_step_and_the_functions_of_both_opponents(built):
    """The weight of the KL may follow the step: a quarter of it at the first of four steps of warming up."""
    method, state = built(lambda step: 0.5 * jnp.minimum((step + 1) / 4, 1))
    new, metrics = jax.jit(method.train_step)(state, {"x": X})
    assert int(new.step) == 1 and all(np.isfinite(value) for value in metrics.values())
    fixed = jax.jit(built(0.125)[0].train_step)(state, {"x": X})[0]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), new.params, fixed.params)
    f, key = method.functions, jax.random.key(2)
    encode = jax.jit(f["encode"])
    z = encode(new, key, X)
    assert z.shape == (6, 5)
    np.testing.assert_allclose(encode(new, key, X[::-1]), z[::-1], rtol=1e-4, atol=1e-6)  # rows by themselves
    error = lambda z: jnp.mean((f["decode"](new, z) - X) ** 2, axis=(1, 2, 3))
    errors = jax.jit(method.evaluate)(new, key, {"x": X})["reconstruction_mse"]
    np.testing.assert_allclose(errors, jax.jit(error)(z), rtol=1e-4)
    shape = lambda fn, *args: jax.eval_shape(lambda: fn(new, *args)).shape
    assert shape(method.sample, key, 7) == (7, *SHAPE) and shape(f["reconstruct"], key, X) == X.shape
    assert shape(f["interpolate"], z[:2], z[2:4], 3) == (2, 3, *SHAPE)
    assert shape(f["log_likelihood"], key, X) == (6,)


def test_layers_that_do_not_fit():
    nets = FlatLatents(MultilayerMLPGenerator(SHAPE, (4,)), DIMS), LayeredEncoder((3, 1), (6,))
    method = ladder_vae(*nets, optimizers=SGD, sigma=0.5, latent_dims=DIMS)
    with pytest.raises(ValueError, match=r"the encoder makes latents of shape \(4,\), the generator takes \(5,\)"):
        jax.eval_shape(method.init, jax.random.key(0), {"x": X})


def test_convolutions_below_the_layered_encoder():
    """28 -> 14 -> 7: two convolutions, then perceptrons and heads of each layer."""
    net = LayeredEncoder((3, 2), (6,), conv_widths=(4, 8))
    x = jax.ShapeDtypeStruct((2, 28, 28, 1), jnp.float32)
    (heads, variables) = jax.eval_shape(lambda x: net.init_with_output(jax.random.key(0), x), x)
    assert [h.shape for h in heads] == [(2, 5), (2, 5)]
    sizes = {name: sum(leaf.size for leaf in jax.tree.leaves(part)) for name, part in variables["params"].items()}
    assert sum(sizes.values()) == (16 * 4 + 4) + (16 * 4 * 8 + 8) + (7 * 7 * 8 + 1) * 6 + 7 * 6 + 7 * 6 + 7 * 4
