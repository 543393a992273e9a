"""Generators with batch normalisation: published numbers of parameters, and which statistics they use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import NormedMLPGenerator, ResidualGenerator, dcgan_generator, residual_generator
from ebmjax.nets.normed import ResidualBlock

conv = lambda k, i, o: k * k * i * o
PUBLISHED = {
    # A dense layer to 4 x 4 pixels, three blocks of two convolutions and two normalisations, one of each at the end.
    "residual": (
        residual_generator(256, (32, 32, 3)),
        (32, 32, 3),
        129 * 16 * 256 + 3 * 2 * (conv(3, 256, 256) + 256 + 2 * 256) + 2 * 256 + conv(3, 256, 3) + 3,
    ),
    "dcgan 32": (
        dcgan_generator(64, (32, 32, 3)),
        (32, 32, 3),
        conv(2, 128, 512) + sum(conv(4, 2 * n, n) + 2 * n for n in (256, 128, 64)) + 2 * 512 + conv(4, 64, 3) + 3,
    ),
    "dcgan 64": (
        dcgan_generator(64, (64, 64, 1)),
        (64, 64, 1),
        conv(4, 128, 512) + sum(conv(4, 2 * n, n) + 2 * n for n in (256, 128, 64)) + 2 * 512 + conv(4, 64, 1) + 1,
    ),
    "perceptron": (NormedMLPGenerator((15,), (500,) * 3), (15,), 128 * 500 + 2 * 500**2 + 3 * 1000 + 501 * 15),
}


def count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers_of_parameters(name):
    net, shape, expected = PUBLISHED[name]
    outputs, variables = jax.eval_shape(net.init_with_output, jax.random.key(0), jnp.zeros((2, 128)))
    assert outputs.shape == (2, *shape) and count(variables["params"]) == expected
    if name == "residual":
        assert expected == 4_079_363


SMALL = {
    "residual": ResidualGenerator(1, 1, 4, form="plain"),
    "dcgan": dcgan_generator(1, (32, 32, 1)).clone(form="plain"),
    "perceptron": NormedMLPGenerator((5,), (6, 4)),
}


@pytest.mark.parametrize("name", SMALL)
def test_statistics_of_the_batch_make_rows_independent(name):
    """With momentum 0 an update gives the batch's own statistics: with these, without `train`, the same images."""
    net, z = SMALL[name], 1 + jax.random.normal(jax.random.key(1), (6, 3))

    def made(z):
        variables = net.init(jax.random.key(0), z)
        x, kept = net.apply(variables, z, train=True, mutable=["batch_stats"])
        _, own = net.clone(momentum=0.0).apply(variables, z, train=True, mutable=["batch_stats"])
        apply = lambda z: net.apply({"params": variables["params"]} | own, z)
        return x, variables["batch_stats"], kept["batch_stats"], own["batch_stats"], apply(z), apply(z[:2])

    x, before, kept, own, again, two = jax.jit(made)(z)
    assert np.std(x) > 1e-3
    np.testing.assert_allclose(again, x, atol=1e-5)
    np.testing.assert_allclose(two, x[:2], atol=1e-5)
    jax.tree.map(
        lambda a, b, c: np.testing.assert_allclose(c, 0.9 * a + 0.1 * b, rtol=1e-4, atol=1e-6), before, own, kept
    )


def test_a_residual_block_adds_to_the_doubled_image():
    """Its last convolution at 0, only x remains, every pixel four times; with it, the rest is a function of ReLU(x)."""
    x = jax.random.normal(jax.random.key(1), (2, 3, 3, 2))
    block = ResidualBlock(form="plain")
    variables = block.init(jax.random.key(0), x)
    last = variables["params"]["Conv_1"]
    still = {"params": variables["params"] | {"Conv_1": jax.tree.map(jnp.zeros_like, last)}}
    still["batch_stats"] = variables["batch_stats"]
    apply = jax.jit(lambda x: (block.apply(still, x), block.apply(variables, x)))
    (alone, whole), (other_alone, other) = apply(x), apply(jnp.where(x < 0, 5 * x, x))
    np.testing.assert_allclose(alone, np.kron(x, np.ones((1, 2, 2, 1))))
    np.testing.assert_allclose(other - other_alone, whole - alone, atol=1e-5)
    assert np.std(whole - alone) > 0.1 and not np.allclose(alone, other_alone)


def test_sizes_are_checked():
    for shape in ((12, 12, 3), (4, 4, 3), (32, 64, 3)):
        with pytest.raises(ValueError, match="makes square images of 8, 16, 32, 64 ... pixels, not"):
            residual_generator(4, shape)
    with pytest.raises(ValueError, match="32 x 32 or 64 x 64, not"):
        dcgan_generator(64, (28, 28, 1))
