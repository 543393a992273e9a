"""Features from the layers of a network, against what its layers compute by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import Confined, ConvEnergy, MLPEnergy, layer_features
from ebmjax.nets.layers import pool

KEY = jax.random.key(0)


def test_layers_of_a_perceptron_by_hand():
    """Both hidden layers after their activation, through a wrapper too; not the energy."""
    net, x = MLPEnergy((5, 3), "silu"), jax.random.normal(KEY, (4, 6))
    params = net.init(KEY, x)["params"]
    layers = params["MLP_0"]
    hidden = nn.silu(x @ layers["Dense_0"]["kernel"] + layers["Dense_0"]["bias"])
    second = nn.silu(hidden @ layers["Dense_1"]["kernel"] + layers["Dense_1"]["bias"])
    expected = np.concatenate([hidden, second], axis=1)
    np.testing.assert_allclose(layer_features(net, params, x, activation=nn.silu), expected, rtol=1e-5, atol=1e-6)
    wrapped = layer_features(Confined(net, 0.1), {"net": params}, x, activation=nn.silu)
    np.testing.assert_allclose(wrapped, expected, rtol=1e-5, atol=1e-6)


def test_maps_are_pooled():
    """8 x 8 x 2 to 4 x 4 x 2, and 4 x 4 x 3 as it is: 32 + 48 numbers; a row depends on its own image alone."""
    net = ConvEnergy(((2, 3, 1, 1), (3, 4, 2, 1), (1, 4, 1, 0)))
    x = jax.random.normal(KEY, (3, 8, 8, 1))
    params = net.init(KEY, x)["params"]
    features = jax.jit(lambda x: layer_features(net, params, x, activation=nn.relu))(x)
    assert features.shape == (3, 80) and np.all(features >= 0)
    alone = layer_features(net, params, x[1:2], activation=nn.relu)
    np.testing.assert_allclose(features[1:2], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 4, 4, 1), (1, 2, 2, 1)), ((2, 3, 4, 1), (2, 3, 4, 1)), ((2, 8), (2, 8))]
)
def test_pooling_takes_the_maximum_where_windows_fit(shape, expected):
    x = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    y = pool(x, 2)
    assert y.shape == expected
    if y.shape != x.shape:
        np.testing.assert_array_equal(y[0, :, :, 0], [[5, 7], [13, 15]])
