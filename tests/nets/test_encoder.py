"""Networks of the methods with an encoder: published numbers of parameters, statistics, spectral norms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import (
    ENERGY_FORMS,
    ConvEncoder,
    ConvEnergy,
    JointConvEnergy,
    JointMLPEnergy,
    MLPEncoder,
    NormedGenerator,
    conv_energy_layers,
    normed_generator_layers,
)
from ebmjax.nets.joint import dense
from ebmjax.nets.normed import batch_norm, normal_scales

LARGE = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
IMAGE, LATENT = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32), jax.ShapeDtypeStruct((1, 100), np.float32)
encoder_of = lambda width, normed: ConvEncoder(100, conv_energy_layers(width, 32)[:-1], normed)
PUBLISHED = {
    "triangle, generator": (NormedGenerator(normed_generator_layers(128, 3)), (LATENT,), 7_641_219),
    "triangle, energy": (ConvEnergy(conv_energy_layers(64, 32, 4), use_bias=False), (IMAGE,), 1_709_761),
    "triangle, encoder": (encoder_of(64, False), (IMAGE,), 4_392_840),
    "latent EBM, generator": (NormedGenerator(normed_generator_layers(96, 3)), (LATENT,), 4_452_963),
    "latent EBM, encoder": (encoder_of(48, True), (IMAGE,), 2_780_024),
    "latent EBM, energy": (JointConvEnergy(), (IMAGE, LATENT), 8_701_633),
}
# For 64 pixels, our own: the widest layer once more (4 · 4 · 512² weights and 2 · 512 of the normalisation;
# 4 · 4 · 256² in the energy; 4 · 4 · 512² in the encoder); 8 x 8 weights for 4 x 4 at the end of the joint energy.
LARGER = {
    "triangle, generator": (NormedGenerator(normed_generator_layers(128, 3, 64)), (LATENT,), 4_194_304 + 1024),
    "triangle, energy": (ConvEnergy(conv_energy_layers(64, 64, 4), use_bias=False), (LARGE,), 1_048_576),
    "triangle, encoder": (ConvEncoder(100, conv_energy_layers(64, 64)[:-1]), (LARGE,), 4_194_304),
    "latent EBM, energy": (JointConvEnergy(), (LARGE, LATENT), 48 * 512**2),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_numbers_of_parameters(name):
    net, inputs, expected = PUBLISHED[name]
    params = jax.eval_shape(net.init, jax.random.key(0), *inputs)["params"]
    assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params)) == expected
    outputs = jax.eval_shape(lambda *x: net.init_with_output(jax.random.key(0), *x)[0], *inputs)
    shapes = {leaf.shape for leaf in jax.tree.leaves(outputs)}
    assert shapes == {(1, 32, 32, 3)} if "generator" in name else shapes <= {(1, 100), (1,)}


@pytest.mark.parametrize("name", sorted(LARGER))
def test_numbers_of_parameters_for_64_pixels(name):
    net, inputs, more = LARGER[name]
    params = jax.eval_shape(net.init, jax.random.key(0), *inputs)["params"]
    assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params)) == PUBLISHED[name][2] + more
    with pytest.raises(ValueError, match="size must be 32, 64, 128 ..., got 28"):
        normed_generator_layers(128, 3, 28)


def test_first_values_of_the_joint_energy_and_of_the_scales():
    """Biases of one pixel's convolutions lie in U(±1/√fan_in), and are not 0; scales are N(1, .02²), or 1."""
    x, z = jnp.zeros((1, 8, 8, 1)), jnp.zeros((1, 100))
    bias = dense(64, z).init(jax.random.key(0), z)["params"]["bias"]
    assert np.all(np.abs(bias) <= 0.1) and np.all(bias != 0)  # fan_in 100
    for deviation in (0.02, 0.0):
        scale = batch_norm(False, scale_init=normal_scales(deviation)).init(jax.random.key(1), jnp.zeros((1, 4096)))[
            "params"
        ]["scale"]
        assert abs(scale.std() - deviation) <= 0.1 * deviation and abs(scale.mean() - 1) < 0.01
        net = ConvEncoder(3, ((8, 3, 1, 1),), normed=True, scale_init=normal_scales(deviation))
        scale = jax.jit(net.init)(jax.random.key(1), x)["params"]["BatchNorm_0"]["scale"]
        assert np.all(scale == 1) == (deviation == 0)


def test_encoders_have_both_heads():
    x = jax.random.normal(jax.random.key(0), (5, 8, 8, 1))
    for net in (MLPEncoder(3, (16,)), ConvEncoder(3, conv_energy_layers(2, 8)[:-1])):
        (mean, log_variance), variables = net.init_with_output(jax.random.key(1), x)
        assert mean.shape == log_variance.shape == (5, 3) and set(variables) == {"params"}
        assert not np.allclose(mean, log_variance)


def test_batch_normalisation():
    """With `train`: statistics of the batch, of which a tenth enters the running ones. Without: rows alone count."""
    net = ConvEncoder(3, conv_energy_layers(2, 8)[:-1], normed=True)
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (16, 8, 8, 1))
    variables = net.init(jax.random.key(1), x)
    _, updated = net.apply(variables, x, train=True, mutable=["batch_stats"])
    first = updated["batch_stats"]["BatchNorm_0"]["mean"]
    plain = ConvEncoder(3, conv_energy_layers(2, 8)[:-1])
    seen = jax.lax.conv_general_dilated(
        x, variables["params"]["Conv_0"]["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(first, 0.1 * jnp.mean(seen, axis=(0, 1, 2)), rtol=1e-4)
    assert set(plain.init(jax.random.key(1), x)) == {"params"}
    np.testing.assert_allclose(net.apply(variables, x[:2])[0], net.apply(variables, x)[0][:2], atol=1e-6)


def test_spectral_norms_come_to_one():
    """After many updates of its vector each layer's kernel has the largest singular value 1; so E is 1-Lipschitz."""
    net = JointMLPEnergy((32, 16), form="identity")
    x, z = jax.random.normal(jax.random.key(0), (6, 4, 4, 1)), jax.random.normal(jax.random.key(1), (6, 3))
    variables = net.init(jax.random.key(2), x, z)
    update = jax.jit(
        lambda stats: net.apply(variables | {"batch_stats": stats}, x, z, True, mutable=["batch_stats"])[1]
    )
    stats = variables["batch_stats"]
    for _ in range(200):
        stats = update(stats)["batch_stats"]
    found = {name: leaf for layer in stats.values() for name, leaf in layer.items() if name.endswith("sigma")}
    assert len(found) == 3
    for name, sigma in found.items():
        kernel = variables["params"][name.split("/")[0]]["kernel"]
        np.testing.assert_allclose(sigma, np.linalg.svd(kernel, compute_uv=False)[0], rtol=1e-4)
    slope = jax.grad(lambda x, z: jnp.sum(net.apply({**variables, "batch_stats": stats}, x, z)), (0, 1))(x, z)
    norms = jnp.sqrt(sum(jnp.sum(jnp.square(g.reshape(6, -1)), axis=1) for g in slope))
    assert 0 < norms.min() and norms.max() <= 1 + 1e-4


def test_energy_forms():
    d = jnp.linspace(-20, 20, 9)
    for form, low in (("softplus", 0), ("sigmoid", 0), ("tanh", -1)):
        energy = ENERGY_FORMS[form](d)
        assert energy.min() >= low and (jnp.diff(energy) >= 0).all()
    np.testing.assert_array_equal(ENERGY_FORMS["identity"](d), d)
