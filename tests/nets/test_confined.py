"""The confined energy: the net's own, plus a bowl."""

import jax
import jax.numpy as jnp
import numpy as np

from ebmjax.nets import Confined, MLPEnergy


def test_confined_adds_a_bowl():
    net = MLPEnergy((4,))
    module = Confined(net, 0.25)
    x = jax.random.normal(jax.random.key(0), (5, 2, 2, 1))
    params = module.init(jax.random.key(1), x)["params"]
    inner = net.apply({"params": params["net"]}, x)
    expected = inner + 0.25 * jnp.sum(x.reshape(5, -1) ** 2, axis=1)
    np.testing.assert_allclose(module.apply({"params": params}, x), expected, rtol=1e-5)
