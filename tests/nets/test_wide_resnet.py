"""Wide residual networks: the published number of parameters, shapes, and rows that do not see each other."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import Conv, WideResNet
from ebmjax.nets.wide_resnet import WideBlock


def count(net, shape):
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, *shape)))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))


def test_published_number_of_parameters():
    """WRN-28-10 has 36,479,194 with normalisation: 17,952 scales and shifts more, no biases of convolutions."""
    norms = sum(2 * (first + w) + 2 * 3 * 2 * w for first, w in ((16, 160), (160, 320), (320, 640))) + 2 * 640
    biases = 16 + sum(w * (4 * 2 + 1) for w in (160, 320, 640))
    assert norms == 17_952
    assert count(WideResNet(10), (32, 32, 3)) == 36_479_194 - norms + biases


def test_rows_do_not_see_each_other():
    size = 12
    net, x = WideResNet(3, depth=10, widen=1, form="plain"), jax.random.normal(jax.random.key(1), (4, size, size, 1))
    variables = jax.jit(net.init)(jax.random.key(0), x)
    apply = jax.jit(net.apply)
    logits = apply(variables, x)
    assert logits.shape == (4, 3) and np.std(logits) > 1e-3
    np.testing.assert_allclose(apply(variables, x.at[1:].set(7.0))[0], logits[0], rtol=1e-5)


def test_dropout_follows_the_first_convolution_where_there_is_a_key():
    """Entries are 0 with probability .3, else 1 / .7 times themselves; without a key nothing changes."""
    block, x = WideBlock(8, form="plain", dropout=0.3), jax.random.normal(jax.random.key(1), (8, 12, 12, 3))
    variables = block.init(jax.random.key(0), x)
    inner = lambda layer, name: name == "__call__" and isinstance(layer, Conv | nn.Dropout)
    apply = partial(block.apply, variables, x, capture_intermediates=inner, mutable=["intermediates"])
    found = apply(rngs={"dropout": jax.random.key(2)})[1]["intermediates"]
    before, after = (found[layer]["__call__"][0] for layer in ("Conv_0", "Dropout_0"))
    kept = np.asarray(after != 0)
    assert abs(np.mean(kept) - 0.7) < 4 * np.sqrt(0.21 / kept.size)
    np.testing.assert_allclose(after[kept], before[kept] / 0.7, rtol=1e-5)
    np.testing.assert_array_equal(block.apply(variables, x), block.clone(dropout=0.0).apply(variables, x))
    second = found["Conv_1"]["__call__"][0]
    np.testing.assert_allclose(apply()[1]["intermediates"]["Conv_0"]["__call__"][0], before, rtol=1e-5)
    assert not np.allclose(apply()[1]["intermediates"]["Conv_1"]["__call__"][0], second)


def test_depth_is_checked():
    with pytest.raises(ValueError, match="depth = 27"):
        jax.eval_shape(WideResNet(10, depth=27).init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
