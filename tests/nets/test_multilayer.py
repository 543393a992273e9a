"""Generators of several layers: the released convolutions' numbers of parameters, formulas, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmjax.nets import SCALES, MultilayerConvGenerator, MultilayerMLPGenerator

RELEASED = {"z1": 128, "z2": 96, "z3": 64, "z4": 64, "z5": 64}
DIMS = {"z1": 3, "z2": 2}


def shapes_of(generator, dims):
    z = {name: jax.ShapeDtypeStruct((2, dim), jnp.float32) for name, dim in dims.items()}
    (x, variables) = jax.eval_shape(lambda z: generator.init_with_output(jax.random.key(0), z), z)
    return x.shape, {name: count(part) for name, part in variables["params"].items()}


def count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def conv(kernel, inputs, outputs, bias=1):
    return kernel * kernel * inputs * outputs + bias * outputs


def test_parameters_of_the_released_generator():
    """Layer by layer, 64 maps of 16 x 16: 12,162,435 in all at 32 x 32 x 3."""
    linear = lambda inputs, outputs: (inputs + 1) * outputs
    projection = lambda d: linear(d, 4 * 16 * 16) + conv(5, 4, 64, bias=0)
    deterministic = conv(5, 64, 64) + conv(3, 64, 64)
    head = lambda d: conv(5, 64, d) + linear(12 * 12 * d, d)
    expected = {f"projection{i}": projection(RELEASED[f"z{i}"]) for i in range(1, 6)}
    expected |= {f"deterministic{i}": deterministic for i in range(6)} | {"double1": conv(4, 64, 3)}
    expected |= {f"z{i}_{part}": head(RELEASED[f"z{i}"]) for i in range(1, 5) for part in ("mean", "scale")}
    shape, found = shapes_of(MultilayerConvGenerator((32, 32, 3)), RELEASED)
    assert shape == (2, 32, 32, 3) and found == expected
    assert sum(found.values()) == 12_162_435
    ladder = shapes_of(MultilayerConvGenerator((32, 32, 3), ladder=True), RELEASED)[1]
    assert ladder == {n: k for n, k in expected.items() if "scale" not in n} | {
        f"z{i}_mix": linear(2 * RELEASED[f"z{i}"], RELEASED[f"z{i}"]) for i in range(1, 5)
    }


@pytest.mark.parametrize("shape, map_size", [((28, 28, 1), 14), ((28, 28, 1), 7), ((64, 64, 3), 16)], ids=str)
def test_other_sizes(shape, map_size):
    made, found = shapes_of(MultilayerConvGenerator(shape, map_size, 6), DIMS)
    assert made == (2, *shape)
    num = int(np.log2(shape[0] / map_size))
    assert sum(n for name, n in found.items() if "double" in name) == (num - 1) * conv(4, 6, 6) + conv(4, 6, shape[2])


@pytest.mark.parametrize("shape, map_size", [((32, 32, 3), 32), ((28, 28, 1), 16), ((8, 8, 1), 4), ((7,), 5)], ids=str)
def test_sizes_that_cannot_be(shape, map_size):
    with pytest.raises(ValueError, match="must be ≥ 5 and double to images"):
        shapes_of(MultilayerConvGenerator(shape, map_size, 6), DIMS)


def test_scales():
    """softplus: 1 at a head's 0. released: e^(softplus(v) / 2), softplus(v) ≤ 10, so √2 at 0, never below 1."""
    raw = jnp.array([-50.0, 0.0, 3.0, 50.0])
    np.testing.assert_allclose(SCALES["released"](raw), [1, 2**0.5, np.exp(0.5 * np.log1p(np.exp(3))), np.exp(5)], 1e-6)
    np.testing.assert_allclose(SCALES["softplus"](raw)[1], 1, rtol=1e-4)


NETS = {"conv": MultilayerConvGenerator((10, 10, 1), 5, 2), "mlp": MultilayerMLPGenerator((3, 3, 1), (4,))}


@pytest.mark.parametrize("name", ["conv", "mlp"])
def test_inference_from_the_top_down_sees_each_layers_gaussian(name):
    """z1 = (h - mean) / scale gives the layer the chosen h, whatever is above: an MLP's x depends on h alone, and x of
    the convolutions still on z2, past h, by their skip connections."""
    net, noise = (
        NETS[name],
        {z: jax.random.normal(jax.random.key(i), (2, dim)) for i, (z, dim) in enumerate(DIMS.items())},
    )
    params = jax.jit(net.init)(jax.random.key(0), noise)
    wanted = 0.5 * noise["z1"]

    @jax.jit
    def run(z2, chosen):
        seen = {}

        def infer(layer, given, mean, scale):
            seen[layer] = mean, scale
            return jnp.where(chosen, (wanted - mean) / scale, given) if layer == "z1" else given

        return net.apply(params, noise | {"z2": z2}, infer), seen

    given, seen = run(noise["z2"], False)
    np.testing.assert_array_equal(seen["z2"], (jnp.zeros((2, 2)), jnp.ones((2, 2))))
    assert jnp.all(seen["z1"][0] != 0) and jnp.all(seen["z1"][1] > 0)
    np.testing.assert_allclose(given, jax.jit(net.apply)(params, noise), atol=1e-6)
    change = lambda chosen: float(jnp.max(jnp.abs(run(noise["z2"], chosen)[0] - run(-noise["z2"], chosen)[0])))
    assert change(False) > 1e-3
    assert change(True) < 1e-5 if name == "mlp" else change(True) > 1e-3


def test_the_ladder_variant_has_no_gaussians():
    net = MultilayerConvGenerator((10, 10, 1), 5, 2, ladder=True)
    with pytest.raises(ValueError, match="ladder variant of the generator has no means"):
        net.init(jax.random.key(0), {"z1": jnp.zeros((1, 2))}, lambda *args: args[1])
