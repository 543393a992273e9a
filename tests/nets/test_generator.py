"""The published generators: sizes, parameter counts, range, initial weights, and one form against the other."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import init
from ebmjax.nets.conv import Conv, ConvTranspose
from ebmjax.nets.generator import PUBLISHED, ConvGenerator

SHAPES = {
    "mnist": (28, 28, 1),
    "svhn": (32, 32, 3),
    "cifar10": (32, 32, 3),
    "celeba64": (64, 64, 3),
    "celeba128": (128, 128, 3),
}


def count(variables):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(variables))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
@pytest.mark.parametrize("form", ["plain", "fast"])
def test_shapes_of_the_published_stacks(name, form):
    net, z = ConvGenerator(PUBLISHED[name](8), form=form), jnp.zeros((5, 10))
    x, variables = jax.eval_shape(lambda key: net.init_with_output(key, z), jax.random.key(0))
    assert x.shape == (5, *SHAPES[name])
    first = PUBLISHED[name](8)[0]
    assert variables["params"]["ConvTranspose_0"]["kernel"].shape == (first[1], first[1], 10, first[0])
    assert PUBLISHED.keys() == SHAPES.keys()


def test_parameters_of_svhn():
    net = ConvGenerator(PUBLISHED["svhn"](64))
    variables = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 100)))
    assert count(variables) == 3_447_683


def test_a_larger_grid_makes_more_of_the_same():
    """The parameters fit any grid, and a place deep inside depends on the latents near it alone."""
    layers = ((4, 6, 2, 2), (1, 6, 2, 2))
    small, large = (ConvGenerator(layers, grid=(n, n), form="plain") for n in (5, 10))
    z = jax.random.normal(jax.random.key(0), (2, 10, 10, 3))
    variables = jax.jit(small.init)(jax.random.key(1), z[:, :5, :5].reshape(2, -1))
    x = jax.jit(large.apply)(variables, z.reshape(2, -1))
    part = jax.jit(small.apply)(variables, z[:, 2:7, 2:7].reshape(2, -1))
    assert x.shape == (2, 40, 40, 1) and part.shape == (2, 20, 20, 1)
    # Two layers of 6 x 6 reach 2 latents: the middle one of five sees what it sees on the large grid.
    np.testing.assert_allclose(part[:, 8:12, 8:12], x[:, 16:20, 16:20], rtol=1e-5, atol=1e-6)
    assert np.abs(part[:, :4] - x[:, 8:12, 8:28]).max() > 1e-3


@pytest.mark.parametrize("name", [pytest.param("svhn", marks=pytest.mark.slow), "mnist"])
def test_fast_and_plain_agree_on_a_narrow_stack(name):
    plain, fast = (ConvGenerator(PUBLISHED[name](4), form=form) for form in ("plain", "fast"))
    z = jax.random.normal(jax.random.key(1), (3, 6))
    variables = jax.jit(plain.init)(jax.random.key(0), z)
    target = jax.random.uniform(jax.random.key(2), (3, *SHAPES[name]), minval=-1)

    def value_and_gradients(net):
        def loss(variables, z):
            x = net.apply(variables, z)
            return jnp.sum((x - target) ** 2), x

        return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(variables, z)

    (fast_gradients, fast_x), (gradients, x) = value_and_gradients(fast), value_and_gradients(plain)
    for a, b in zip(jax.tree.leaves((fast_gradients, fast_x)), jax.tree.leaves((gradients, x))):
        # Rounding only: sums over 3 · 32 · 32 pixels in another order.
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * (1 + np.abs(b).max()))
    assert jnp.all(jnp.abs(x) < 1) and jnp.std(x) > 0.01


def test_initial_weights_of_the_generator():
    net = ConvGenerator(PUBLISHED["svhn"](32))
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 100)))["params"]
    kernel, bias = params["ConvTranspose_1"]["kernel"], params["ConvTranspose_1"]["bias"]
    std = (2 / ((256 + 128) * 16)) ** 0.5
    # 524,288 draws: the sample's standard deviation has relative error 1e-3, its fourth moment 0.01.
    assert abs(jnp.std(kernel) / std - 1) < 5e-3
    assert abs(jnp.mean((kernel / std) ** 4) - 3) < 0.06
    bound = (128 * 16) ** -0.5  # PyTorch's fan_in of a transposed convolution: features · k · k
    assert bound * 0.9 < jnp.max(jnp.abs(bias)) <= bound  # P(max of 128 < .9 bound) = 1e-6


@pytest.mark.parametrize(("module", "fan_in"), [(Conv, 12 * 9), (ConvTranspose, 20 * 9)])
def test_default_initialisers_are_pytorchs(module, fan_in):
    params = jax.jit(module(20, 3).init)(jax.random.key(0), jnp.zeros((1, 5, 5, 12)))["params"]
    bound = fan_in**-0.5
    # 2,160 uniform draws: the largest lies within 1 % of the bound but for e^-21; standard deviation to 1 %.
    assert 0.99 * bound < jnp.max(jnp.abs(params["kernel"])) <= bound
    assert abs(jnp.std(params["kernel"]) * 3**0.5 / bound - 1) < 0.05
    assert jnp.max(jnp.abs(params["bias"])) <= bound and jnp.std(params["bias"]) > 0.3 * bound


def test_pytorchs_linear_default():
    net = nn.Dense(200, kernel_init=init.torch_kernel, bias_init=init.torch_bias(100))
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 100)))["params"]
    for leaf in params.values():
        assert 0.09 < jnp.max(jnp.abs(leaf)) <= 0.1  # 1 / √100; P(200 draws all below .9 of it) = 7e-10
    assert abs(jnp.std(params["kernel"]) - 0.1 / 3**0.5) < 1e-3
